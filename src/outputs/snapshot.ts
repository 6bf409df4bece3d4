// Writes what is on the screen, and the members behind it as JSON, to a new file in the current folder; or nothing at all.

import { closeSync, rmSync, writeFileSync } from 'node:fs';
import type { State } from '../core/state/state.js';
import { toJson } from '../core/wire/json.js';
import { memberFacts, membersOf, summaryFacts } from '../members/facts.js';
import { openNew } from '../newfile.js';

/** Returns the file's name. Throws a sentence that fits the screen's line of notices. */
export const writeSnapshot = (state: State, text: string): string => {
  const stamp = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '');
  const path = `reuseport-trace-${stamp}.txt`;
  const facts = [...membersOf(state).map((member) => memberFacts(member, state.rung)), summaryFacts(state)];
  let fd: number | null = null;
  try {
    fd = openNew(path);
    writeFileSync(fd, `${text}\n\n${facts.map((fact) => toJson(fact)).join('\n')}\n`);
  } catch (error) {
    // Half a snapshot would pass for a whole one.
    if (fd !== null) rmSync(path, { force: true });
    throw new Error(`cannot save here: ${reasonOf(error)}; try another folder`, { cause: error });
  } finally {
    if (fd !== null) closeSync(fd);
  }
  return path;
};

/** `ENOSPC: no space left on device, write` without the code and the call, which are nothing to a reader in a hurry. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .replace(/^E[A-Z0-9]+: /, '')
    .replace(/, (?:open|write|fchown).*$/, '');
