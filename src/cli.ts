#!/usr/bin/env node
// The program: gives main() this process, and the process its exit code.
import { thisEnvironment } from './environment.js';
import { main } from './main.js';

// A CommonJS bundle knows no await at its top.
void main(thisEnvironment()).then((exitCode) => {
  process.exitCode = exitCode;
});
