/// <reference path="./interfaces/forensic-report-artifacts.d.ts" />
/// <reference path="./interfaces/forensic-report-log.d.ts" />
/// <reference path="./interfaces/forensic-report-plugin.d.ts" />
/// <reference path="./interfaces/forensic-report-telemetry.d.ts" />
/// <reference path="./interfaces/forensic-report-trace.d.ts" />
/// <reference path="./interfaces/forensic-report-types.d.ts" />
declare module 'forensic:report/report-plugin@0.1.0' {
  export type * as ForensicReportArtifacts010 from 'forensic:report/artifacts@0.1.0'; // import forensic:report/artifacts@0.1.0
  export type * as ForensicReportLog010 from 'forensic:report/log@0.1.0'; // import forensic:report/log@0.1.0
  export type * as ForensicReportTelemetry010 from 'forensic:report/telemetry@0.1.0'; // import forensic:report/telemetry@0.1.0
  export type * as ForensicReportTrace010 from 'forensic:report/trace@0.1.0'; // import forensic:report/trace@0.1.0
  export type * as ForensicReportTypes010 from 'forensic:report/types@0.1.0'; // import forensic:report/types@0.1.0
  export * as plugin from 'forensic:report/plugin@0.1.0'; // export forensic:report/plugin@0.1.0
}
