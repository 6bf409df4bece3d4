import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLiving } from '../../../src/proc/living.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'living-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const start = (pid: number): void => {
  mkdirSync(join(root, String(pid)));
  writeFileSync(join(root, String(pid), 'stat'), '');
};

it('says once that a holder has ended', () => {
  [7, 8].forEach(start);
  const living = createLiving(root);
  living.know([7, 8, 7]);
  expect(living.hasEnded()).toBe(false);
  rmSync(join(root, '8'), { recursive: true });
  expect([living.hasEnded(), living.hasEnded()]).toEqual([true, false]);
  living.know([7]);
  expect(living.hasEnded()).toBe(false);
});

it('asks some of many at once, and comes to all of them', () => {
  const pids = Array.from({ length: 300 }, (_, i) => i + 1);
  pids.slice(0, 299).forEach(start);
  const living = createLiving(root);
  living.know(pids);
  expect([living.hasEnded(), living.hasEnded()]).toEqual([false, true]);
});

it('knows nobody at first', () => expect(createLiving(root).hasEnded()).toBe(false));
