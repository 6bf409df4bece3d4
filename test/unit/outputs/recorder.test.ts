import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Event } from '../../../src/core/event.js';
import { openRecorder } from '../../../src/outputs/recorder.js';
import { replay } from '../../../src/sources/replay.js';
import { RUN } from './run.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'recorder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const record = async (path: string): Promise<void> => {
  const recorder = await openRecorder(path, () => expect.unreachable());
  for (const event of RUN) recorder.take(event);
  await recorder.end();
  expect(recorder.dropped()).toBe(0);
};

it.each(['run.ndjson', 'run.ndjson.gz'])(
  'writes %s, for its owner alone, and a replay gives the run back',
  async (name) => {
    const path = join(folder, name);
    await record(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const events: Event[] = [];
    const options = { path, speed: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
    for await (const batch of replay(options)) events.push(...batch);
    expect(events).toEqual(RUN);
  },
);

it('packs where the name says so', async () => {
  await record(join(folder, 'a'));
  await record(join(folder, 'a.gz'));
  const packed = readFileSync(join(folder, 'a.gz'));
  expect(gunzipSync(packed)).toEqual(readFileSync(join(folder, 'a')));
});

it('never writes over a file, nor through a link, and leaves it as it was', async () => {
  const path = join(folder, 'kept');
  writeFileSync(path, 'mine');
  symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'));
  const open = (name: string) => openRecorder(join(folder, name), () => expect.unreachable());
  await expect(open('kept')).rejects.toThrow('the file exists');
  await expect(open('link')).rejects.toThrow(/EEXIST/);
  await expect(open('none/run')).rejects.toThrow(/ENOENT/);
  expect([readFileSync(path, 'utf8'), readdirSync(folder).sort()]).toEqual(['mine', ['kept', 'link']]);
});
