#!/usr/bin/env node
// The program: gives main() this process, and the process its exit code.
import { thisEnvironment } from './environment.js';
import { main } from './main.js';

process.exitCode = await main(thisEnvironment());
