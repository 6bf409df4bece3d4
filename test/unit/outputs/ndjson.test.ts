import { expect, it } from 'vitest';
import { apply } from '../../../src/core/apply.js';
import { findingNews } from '../../../src/core/findings/diagnosis.js';
import { createState } from '../../../src/core/state/state.js';
import { parseEvent } from '../../../src/core/wire/json.js';
import { memberFacts, membersOf, summaryFacts } from '../../../src/members/facts.js';
import { createNdjson } from '../../../src/outputs/ndjson.js';
import { ALL, listen, meta, socket, stateOf } from '../events.js';
import { RUN } from './run.js';
import { createSink } from './sink.js';

it('prints every event, findings as they come, then one object for each member and one for the run', async () => {
  const { stream, text } = createSink();
  const state = createState(ALL);
  const output = createNdjson(stream, () => expect.unreachable());
  const news: unknown[] = [];
  for (const event of RUN) {
    apply(state, event);
    output.take(state, event);
    news.push(...findingNews(state));
  }
  await output.end(state);
  const lines = text().trimEnd().split('\n');
  const isNews = (line: string): boolean => line.startsWith('{"kind":"finding"');
  const plain = lines.filter((line) => !isNews(line));
  expect(plain.slice(0, RUN.length).map(parseEvent)).toEqual(RUN);
  expect(lines.filter(isNews).map((line): unknown => JSON.parse(line))).toEqual(news);
  expect(news.length).toBeGreaterThan(2);
  const closing = plain.slice(RUN.length).map((line): unknown => JSON.parse(line));
  const members = membersOf(state).map((member) => memberFacts(member, 'tracepoint'));
  expect(closing).toEqual([...members, summaryFacts(state)]);
  expect(output.dropped()).toBe(0);
});

it('waits for a slow reader before it closes, so that the closing objects come', async () => {
  const { stream, text, take } = createSink({ isSlow: true });
  const state = createState(ALL);
  const output = createNdjson(stream, () => expect.unreachable());
  for (let i = 0; i < 200_000; i++) output.take(state, meta());
  const ending = output.end(state);
  take();
  await ending;
  const lines = text().trimEnd().split('\n');
  expect(lines.length + output.dropped()).toBe(200_001);
  expect(output.dropped()).toBeGreaterThan(0);
  expect(lines.at(-1)).toContain('"kind":"summary"');
});

it('closes with every member of a large host, and the summary', async () => {
  const { stream, text, take } = createSink({ isSlow: true });
  const output = createNdjson(stream, () => expect.unreachable());
  const ending = output.end(stateOf(Array.from({ length: 9000 }, (_, ino) => socket(ino + 1))));
  take();
  await ending;
  const lines = text().trimEnd().split('\n');
  expect([lines.length, output.dropped()]).toEqual([9001, 0]);
  expect(lines.at(-1)).toContain('"kind":"summary"');
});

it('writes hostile names as plain JSON, one line each', async () => {
  const { stream, text } = createSink();
  const state = createState(ALL);
  const output = createNdjson(stream, () => expect.unreachable());
  const event = listen(1, 1, { comm: '"}\n{"kind":"pick"\u001b[2J\u2028' });
  apply(state, event);
  output.take(state, event);
  await output.end(state);
  const lines = text().trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { kind: string }).kind)).toEqual([
    'listen',
    'member',
    'summary',
  ]);
  expect(text()).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});
