// What the tool itself lost: events, probe runs, lines, the names of processes, a recording.
import type { Condition } from '../../state/finding.js';
import type { State } from '../../state/state.js';
import { totals, unaccepted, uncounted } from '../../state/totals.js';
import { clean } from '../../text/format.js';
import type { Rule } from '../rule.js';
import { plural } from './subject.js';

/** The tool itself lost events or fell behind. What is lost stays lost: it stands until the user counts anew. */
export const lossyRule = {
  id: 'lossy',
  severity: 'warning',
  clearsNs: 10e9,
  supersedes: [],
  conditions: (state: State): Condition[] => losses(state),
} as const satisfies Rule;

const losses = (state: State): Condition[] => {
  const about = { group: null, ino: null, doubt: null, sinceNs: state.nowNs, lastNs: state.nowNs } as const;
  const found: Condition[] = [];
  const { picks, lost: printed } = totals(state);
  const lost = Math.max(printed, state.lostPerf);
  if (lost > 0) {
    const isAtEnd = Math.max(state.lostReconciled, state.lostPerf) === 0;
    found.push({
      ...about,
      severity: isAtEnd ? 'note' : 'warning',
      detail: 'events',
      // bpftrace does not read on once it is asked to end (0.17, seen here): what its probes print until they are gone is lost.
      text: isAtEnd
        ? `${plural(lost, 'event')} lost by bpftrace as it ended: the last of the logs is missing, the counters are exact`
        : `${plural(lost, 'event')} lost by bpftrace: the logs have gaps, the counters are exact`,
      evidence: { lost },
      advice: 'Ask for fewer details a second.',
      why: "bpftrace's buffers were full before it read them; counters are kept in the kernel.",
    });
  }
  if (state.unsaid > 0) {
    found.push({
      ...about,
      severity: 'note',
      detail: 'listeners',
      text: `${plural(state.unsaid, 'line')} of sockets that came and went left out: the logs have gaps, the counters are exact`,
      evidence: { unsaid: state.unsaid },
      advice:
        'Nothing: it is 2,000 a second at most, so that a churn of listeners cannot crowd out the rest.',
      why: 'What listeners do is printed within a budget; their counters are kept in the kernel, whatever is printed.',
    });
  }
  const missing = uncounted(state);
  if (missing > 0) {
    found.push({
      ...about,
      severity: isMuch(missing, picks) ? 'warning' : 'note',
      detail: 'picks',
      text: `${plural(missing, 'pick')} at most ${missing === 1 ? 'was' : 'were'} not counted: the kernel skipped ${plural(state.missed, 'probe run')}`,
      evidence: { uncounted: missing, missed: state.missed },
      advice: 'Another BPF program on the same CPU was interrupted; compare with ss -ltn.',
      why: 'The kernel does not run a BPF program that interrupts another one on its CPU.',
    });
  }
  const taken = unaccepted(state);
  if (taken > 0) {
    found.push({
      ...about,
      severity: isMuch(taken, picks) ? 'warning' : 'note',
      detail: 'accepts',
      text: `${plural(taken, 'accept')} ${taken === 1 ? 'was' : 'were'} not counted: the kernel skipped ${plural(state.missed, 'probe run')}`,
      evidence: { unaccepted: taken, missed: state.missed },
      advice: 'Take accepted as picks less queue, or trace with fewer other BPF tools.',
      why: 'The kernel does not run a BPF program that interrupts another one on its CPU.',
    });
  }
  if (state.malformed > 0) {
    found.push({
      ...about,
      detail: 'lines',
      text: `${plural(state.malformed, 'line')} of bpftrace not understood and left out`,
      evidence: { malformed: state.malformed },
      advice: 'Please report it with the version of bpftrace.',
      why: 'A line that is not of the wire contract is counted and passed over.',
    });
  }
  const strangers = state.meta?.hasOwnPids === true ? heldOutside(state) : 0;
  if (strangers > 0) {
    found.push({
      ...about,
      severity: 'note',
      detail: 'pids',
      text: `${plural(strangers, 'socket')} held by processes outside of the pid namespace of this tool: who they are is not seen before they accept or receive`,
      evidence: { sockets: strangers },
      advice: "Run it in the host's pid namespace: docker run --pid=host, or hostPID: true of a pod.",
      why: '/proc shows the processes of its own pid namespace and of those below it.',
    });
  }
  if (state.unrecorded !== null) {
    found.push({
      ...about,
      detail: 'recording',
      sinceNs: state.unrecorded.tsNs,
      text: `${clean(state.unrecorded.why)}: what happens now is not in it`,
      evidence: {},
      advice: 'Make room, or record to another disk, with a limit: --record-max.',
      why: 'A recording with a gap would give wrong numbers, so none is written behind it.',
    });
  }
  return found;
};

/** Sockets that /proc lists and that no process there holds. */
const heldOutside = (state: State): number => {
  let sockets = 0;
  for (const { closedNs, scannedNs, holders } of state.members.values())
    if (closedNs === null && scannedNs !== null && holders.length === 0) sockets++;
  return sockets;
};

/** One in a hundred: less changes no share that matters and no verdict. */
const isMuch = (missing: number, picks: number): boolean => missing * 100 > picks + missing;
