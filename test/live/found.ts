// Waits for findings in what the tool prints, and tells those of one port; it knows no workload and no test runner.
import type { CountEvent } from '../../src/core/event.js';
import type { RuleId } from '../../src/core/findings/rules/all.js';
import type { FindingEvent } from '../../src/core/state/finding.js';
import type { Tool } from './tool.js';

/** Everything that was raised, changed and cleared so far, in order. */
export const findingsIn = (tool: Pick<Tool, 'events'>): FindingEvent[] =>
  (tool.events as readonly { readonly kind: string }[]).filter(
    (event): event is FindingEvent => event.kind === 'finding',
  );

/** Those about one port: of its groups, or of a bind to it. */
export const onPort = (tool: Tool, port: number): FindingEvent[] =>
  findingsIn(tool).filter(
    ({ group, evidence }) => group?.split(' ').at(-1) === String(port) || evidence.lport === port,
  );

/** The first finding of a rule on a port; waits for it, as long as for everything else where no other time is given. */
export const seeFinding = async (
  tool: Tool,
  port: number,
  rule: RuleId,
  timeoutMs?: number,
): Promise<FindingEvent> => {
  const find = (): FindingEvent | undefined => onPort(tool, port).find((finding) => finding.rule === rule);
  await tool
    .see(`${rule} on ${port}`, () => find() !== undefined, timeoutMs)
    .catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}\nfound: ${wordsOf(tool, port)}`);
    });
  const found = find();
  if (found === undefined) throw new Error('seen and gone');
  return found;
};

const wordsOf = (tool: Tool, port: number): string =>
  onPort(tool, port)
    .map(({ status, rule, text }) => `${status} ${rule}: ${text}`)
    .join('; ');

/** Waits until rules have looked `count` times more: what was to be found by now is found. */
export const looks = async (tool: Tool, count: number): Promise<void> => {
  const ticks = (): number => tool.events.filter(({ kind }) => kind === 'tick').length;
  const until = ticks() + count;
  await tool.see(`${count} more ticks`, () => ticks() >= until);
};

/** What was ever wrong on a port, in words; notes are no warnings. Empty = it was healthy. */
export const troublesOn = (tool: Tool, port: number): string[] =>
  onPort(tool, port)
    .filter(({ severity }) => severity !== 'note')
    .map(({ rule, text }) => `${rule}: ${text}`);

/** What the sockets have of a counter together, as last printed. */
export const countersOf = (
  tool: Tool,
  sockets: readonly { readonly ino: number }[],
  counter: CountEvent['counter'],
): number =>
  sockets.reduce((sum, { ino }) => {
    const last = tool.events.findLast(
      (event) => event.kind === 'count' && event.ino === ino && event.counter === counter,
    );
    return sum + (last?.kind === 'count' ? last.total : 0);
  }, 0);
