/// <reference path="./forensic-report-types.d.ts" />
declare module 'forensic:report/plugin@0.1.0' {
  export function describe(): PluginInfo;
  export function render(request: Request): Document;
  export type PluginInfo = import('forensic:report/types@0.1.0').PluginInfo;
  export type Request = import('forensic:report/types@0.1.0').Request;
  export type Document = import('forensic:report/types@0.1.0').Document;
  export type PluginError = import('forensic:report/types@0.1.0').PluginError;
}
