import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Show } from '../../../src/args/request.js';
import { openMode } from '../../../src/modes/choose.js';
import { attached, meta } from '../events.js';
import { RUN } from '../outputs/run.js';
import { givenTo } from './options.js';

const LOOK = { color: true, ascii: false } as const;
const CLIENT = { text: '10.9.9.9', bits: `${'0'.repeat(20)}ffff0a090909`, port: null };
const folder = mkdtempSync(join(tmpdir(), 'modes-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what is opened', () => {
  it.each<[string, Show, ('stdout' | 'stderr')[], Record<string, string>, object]>([
    ['lines into a pipe', { kind: 'auto', ...LOOK }, [], {}, { isScreen: false, isSilent: true }],
    [
      'lines on a terminal that cannot place its cursor',
      { kind: 'auto', ...LOOK },
      ['stdout'],
      { TERM: 'dumb' },
      { isScreen: false, isSilent: false },
    ],
    ['lines that were asked for', { kind: 'lines' }, ['stdout'], {}, { isSilent: false }],
    ['one table', { kind: 'once' }, ['stdout'], {}, { isSilent: true }],
    ['NDJSON', { kind: 'ndjson' }, ['stdout'], {}, { isSilent: false }],
    ['a verdict', { kind: 'check', output: 'lines' }, ['stdout'], {}, { isSilent: true }],
  ])('%s', async (_, show, terminals, variables, mode) => {
    const { options } = givenTo(show, {}, { terminals, variables });
    expect(await openMode(options)).toMatchObject({ isService: false, ...mode });
  });

  it('is no screen where there is no terminal', async () => {
    const { options } = givenTo({ kind: 'screen', ...LOOK });
    await expect(openMode(options)).rejects.toMatchObject({
      message: 'cannot draw the screen: stdout is not a terminal',
      exitCode: 2,
    });
  });

  it.each<[Show, string]>([
    [{ kind: 'lines' }, 'tracing port 80, 443, tracepoint rung. Ctrl-C ends.'],
    [{ kind: 'ndjson' }, 'tracing port 80, 443, tracepoint rung. Ctrl-C ends.'],
    [{ kind: 'explain', client: CLIENT }, 'waiting for the next pick from 10.9.9.9'],
    [
      { kind: 'report', to: { format: 'html', path: null, force: false } },
      'watching for 60 s; Ctrl-C writes the report now',
    ],
  ])('says on a terminal what it waits for: %o', async (show, text) => {
    const given = givenTo(show, { ports: [80, 443], duration: 60 }, { terminals: ['stderr'] });
    const mode = await openMode(given.options);
    given.feed(mode, [meta(), attached(1)]);
    mode.close();
    expect(given.stderr.text()).toBe(`reuseport-trace: ${text}\n`);
    const unseen = givenTo(show, { duration: 60 });
    const other = await openMode(unseen.options);
    unseen.feed(other, [meta(), attached(1)]);
    other.close();
    expect(unseen.stderr.text()).toBe('');
  });
});

describe('the end of a run', () => {
  it.each<[Show, RegExp]>([
    [{ kind: 'lines' }, /^\S+ .*picks/m],
    [{ kind: 'once' }, /^\S+ .*picks/],
    [{ kind: 'ndjson' }, /"kind":"summary"/],
    [{ kind: 'check', output: 'json' }, /"verdict": "findings"/],
    [{ kind: 'report', to: { format: 'markdown', path: null, force: false } }, /^# \d+ problem/],
  ])('%o', async (show, text) => {
    const given = givenTo(show);
    const mode = await openMode(given.options);
    given.feed(mode, RUN);
    await mode.end(given.state);
    expect(given.stdout.text()).toMatch(text);
    expect(mode.exitCode?.(given.state) ?? 0).toBe(show.kind === 'check' ? 3 : 0);
    expect(given.asked).toEqual([]);
  });

  it('of an explanation without a pick is why there is none', async () => {
    const given = givenTo({ kind: 'explain', client: CLIENT });
    const mode = await openMode(given.options);
    given.feed(mode, RUN);
    await expect(mode.end(given.state)).rejects.toMatchObject({
      message: expect.stringMatching(/^cannot explain a pick from 10\.9\.9\.9: none was /),
    });
  });

  it('of a report is a new file, which nothing is left of where nothing was written', async () => {
    const path = join(folder, 'a.html');
    const show: Show = { kind: 'report', to: { format: null, path, force: false } };
    const given = givenTo(show);
    const mode = await openMode(given.options);
    given.feed(mode, RUN);
    await mode.end(given.state);
    expect(readFileSync(path, 'utf8')).toMatch(/^<!doctype html>/);
    await expect(openMode(givenTo(show).options)).rejects.toMatchObject({
      message: expect.stringContaining(`cannot write the report to ${path}: `),
    });
    expect(readdirSync(folder)).toEqual(['a.html']);
  });
});

describe('stdout that takes no more', () => {
  it.each([
    ['EPIPE', /^note: stopped, because the reader of stdout closed it/],
    ['ENOSPC', /^failed: cannot write to stdout: /],
  ])('%s ends the run', async (code, told) => {
    const given = givenTo({ kind: 'lines' });
    await openMode(given.options);
    given.stdout.stream.destroy(Object.assign(new Error(code), { code }));
    await new Promise((resolve) => given.stdout.stream.once('close', resolve));
    expect(given.asked).toEqual([expect.stringMatching(told), 'closed']);
  });
});

describe('--duration', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is counted from the moment the probes are attached, once', async () => {
    const given = givenTo({ kind: 'lines' }, { duration: 10 });
    const mode = await openMode(given.options);
    vi.advanceTimersByTime(60_000);
    given.feed(mode, [meta(), attached(1)]);
    vi.advanceTimersByTime(9999);
    given.feed(mode, [attached(9)]);
    expect(given.asked).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(given.asked).toEqual(['closed']);
  });

  it('ends nothing that was closed', async () => {
    const given = givenTo({ kind: 'lines' }, { duration: 10 });
    const mode = await openMode(given.options);
    given.feed(mode, [meta(), attached(1)]);
    mode.close();
    vi.advanceTimersByTime(60_000);
    expect(given.asked).toEqual([]);
  });
});
