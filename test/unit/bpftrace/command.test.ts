import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findCommand } from '../../../src/bpftrace/command.js';

it('finds the first program of a name that may be executed', () => {
  const root = mkdtempSync(join(tmpdir(), 'command-'));
  for (const [folder, mode] of Object.entries({ a: 0o644, b: 0o755, c: 0o755 })) {
    mkdirSync(join(root, folder));
    writeFileSync(join(root, folder, 'tool'), '', { mode });
  }
  const path = `:${['none', 'a', 'b', 'c'].map((folder) => join(root, folder)).join(':')}`;
  expect([findCommand('tool', path), findCommand('other', path), findCommand('tool', '')]).toEqual([
    join(root, 'b/tool'),
    null,
    null,
  ]);
  rmSync(root, { recursive: true });
});
