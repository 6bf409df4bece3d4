import { describe, expect, it } from 'vitest';
import type { Tracer } from '../../../src/bpftrace/tracer.js';
import type { Event, PartName } from '../../../src/core/event.js';
import { startParts } from '../../../src/live/parts.js';

/** A bpftrace that says these batches. */
const saying = (batches: readonly (readonly Event[])[], stop = (): void => undefined): Tracer => ({
  events: (async function* () {
    yield* batches;
  })(),
  stop,
  pid: null,
});
const ended = (why: string): Event => ({ kind: 'ended', tsNs: 9, exitCode: 1, why });
const attached: Event = { kind: 'attached', tsNs: 2 };
const tick: Event = { kind: 'tick', tsNs: 2 };
const count = (total: number): Event => ({ kind: 'count', tsNs: 2, ino: 1, counter: 'picks', total });

/** What is put when bpftrace refuses programs with `bad`, and names it or not; and with which parts it was started. */
const run = async (parts: readonly PartName[], bad: readonly PartName[], isNamed: boolean) => {
  const events: Event[] = [];
  const started: string[] = [];
  await startParts({
    parts,
    start: (some) => {
      started.push(some.join(' '));
      const refused = some.find((part) => bad.includes(part));
      return saying(
        refused === undefined ? [[attached, tick], [ended('gone')]] : [[ended(`refused ${refused}`)]],
      );
    },
    namedIn: (some, said) => (isNamed ? some.filter((part) => said.endsWith(` ${part}`)) : []),
    put: (some) => events.push(...some),
    nowNs: () => 5,
  }).ended;
  const last = new Map<string, string>();
  const attachedParts: string[] = [];
  for (const event of events) {
    if (event.kind !== 'part') continue;
    last.set(event.part, event.why);
    if (event.status === 'attached') attachedParts.push(event.part);
  }
  return { started, attached: attachedParts, bad: [...last].filter(([, why]) => why !== 'gone') };
};

describe('the parts that join later', () => {
  it('are attached together', async () => {
    expect(await run(['bind', 'udp', 'steer'], [], true)).toEqual({
      started: ['bind udp steer'],
      attached: ['bind', 'udp', 'steer'],
      bad: [],
    });
  });

  it('go on without the one that bpftrace names as it refuses them', async () => {
    expect(await run(['bind', 'udp', 'steer'], ['udp'], true)).toEqual({
      started: ['bind udp steer', 'bind steer', 'udp'],
      attached: ['bind', 'steer'],
      bad: [['udp', 'refused udp']],
    });
  });

  it('are tried by halves when it names none', async () => {
    expect(await run(['bind', 'udp', 'attach', 'steer'], ['attach'], false)).toEqual({
      started: ['bind udp attach steer', 'attach steer', 'bind udp', 'steer', 'attach'],
      attached: ['bind', 'udp', 'steer'],
      bad: [['attach', 'refused attach']],
    });
  });

  it('are all out when none loads', async () => {
    const { attached, bad } = await run(['bind', 'udp'], ['bind', 'udp'], true);
    expect([attached, bad]).toEqual([
      [],
      [
        ['bind', 'refused bind'],
        ['udp', 'refused udp'],
      ],
    ]);
  });

  it('give their counts with their tick, and no tick', async () => {
    const put: (readonly string[])[] = [];
    await startParts({
      parts: ['udp'],
      start: () => saying([[attached, tick], [count(1)], [count(2), tick], [count(3)], [ended('')]]),
      namedIn: () => [],
      put: (events) =>
        put.push(events.map((event) => (event.kind === 'count' ? `${event.total}` : event.kind))),
      nowNs: () => 5,
    }).ended;
    expect(put).toEqual([['part'], ['part'], ['1', '2'], ['3'], ['part']]);
  });
});
