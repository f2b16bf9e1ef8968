// What jco makes the plugin of; the report itself is in `report.js`.

import * as artifacts from 'forensic:report/artifacts@0.1.0';
import * as log from 'forensic:report/log@0.1.0';
import * as telemetry from 'forensic:report/telemetry@0.1.0';
import * as trace from 'forensic:report/trace@0.1.0';
import { exportPlugin } from './forensic.js';
import { info, render } from './report.js';

export const plugin = exportPlugin(info, render, { artifacts, log, telemetry, trace });
