#!/usr/bin/env -S node --max-semi-space-size=4
/** A process that measures the stages of the engine once. Argument: the options, as JSON. */
import '../src/cli/tuning.ts';
import { type StagesOptions, stages } from './stages.ts';

const options = JSON.parse(process.argv[2]) as StagesOptions;
process.stdout.write(JSON.stringify(stages(options)));
