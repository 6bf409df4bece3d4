// A run that has a question on the hash of a group: it goes on until that can be answered, or never will be.
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Group } from '../core/state/group.js';
import type { State } from '../core/state/state.js';
import { isIPv6 } from '../core/text/endpoint.js';
import { UserError } from '../errors.js';
import { startHunt } from '../hash/hunt.js';
import { createLearner, type Learner } from '../hash/learner.js';
import { dialledOf, type Judgement, judge, type Oracle } from '../hash/predict.js';
import { type Question, targetOf } from '../hash/target.js';
import { createProgress } from '../outputs/progress.js';
import type { ModeOptions } from './mode.js';

/** A group that can be told of, and the address that its clients dial. */
export type Answer = { readonly group: Group; readonly oracle: Oracle; readonly laddr: string };

/** What can be answered now; else why not, and whether waiting may help. */
const answerOf = (
  state: State,
  { question, learner, dialled }: AskingOptions,
): Answer | Exclude<Judgement, { kind: 'ready' }> => {
  const group = targetOf(state, question);
  if (typeof group === 'string') return { kind: 'never', why: group };
  const judgement = judge(state, group, learner);
  if (judgement.kind !== 'ready') return judgement;
  const laddr = question.to ?? dialledOf(state, group, question.from) ?? dialled ?? null;
  return laddr === null || isIPv6(laddr)
    ? {
        kind: 'never',
        why: 'which address the client dials is not known, and its hash is of that, too: say --to ADDRESS',
      }
    : { group, oracle: judgement.oracle, laddr };
};

export type AskingOptions = {
  /** What the user wants to do, as in "cannot predict". */
  readonly what: string;
  readonly question: Question;
  readonly learner: Learner;
  readonly isLive: boolean;
  /** The address that clients dial where neither the question, the group nor its picks tell; null = it must be said. */
  readonly dialled: string | null;
  /** There never will be an answer. */
  readonly onNever: () => void;
  /** How far it is. */
  readonly onProgress: (text: string) => void;
  /** Called once. */
  readonly onAnswer: (state: State, answer: Answer) => void;
};

export type Asking = {
  /** To be called with every tick. */
  readonly ask: (state: State) => void;
  /** Asks a last time, waiting for a search that is under way. Throws a UserError with why there is no answer. */
  readonly end: (state: State) => Promise<void>;
};

/** What will not change is believed this long after the probes are attached: until then /proc is being read. */
const GRACE_NS = 1.5e9;

/** How often it is told how far a search has come, once there are no more ticks. */
const PROGRESS_MS = 500;

export const createAsking = (options: AskingOptions): Asking => {
  const { what, learner, isLive, onNever, onProgress, onAnswer } = options;
  let isAnswered = false;
  let why = 'the probes were not attached';
  /** Whether it is to be asked again. */
  const step = (state: State): boolean => {
    const answer = answerOf(state, options);
    if ('why' in answer) {
      why = answer.why;
      onProgress(why);
      return answer.kind === 'pending';
    }
    isAnswered = true;
    onAnswer(state, answer);
    return false;
  };
  return {
    ask: (state) => {
      // A recording is asked at its end: its members are those of then.
      if (isAnswered || !isLive || state.attachedNs === null) return;
      if (!step(state) && !isAnswered && state.nowNs - state.attachedNs > GRACE_NS) onNever();
    },
    end: async (state) => {
      while (!isAnswered && state.attachedNs !== null && step(state) && learner.isSearching())
        await Promise.race([learner.settled(), sleep(PROGRESS_MS)]);
      learner.stop();
      if (!isAnswered) throw new UserError(`cannot ${what}: ${why}`);
    },
  };
};

/** Threads of a search that somebody waits for; they give way to everything else. */
const MOST_THREADS = 4;

/** What every question needs of its run. */
export const openLearning = (
  options: ModeOptions,
): Pick<AskingOptions, 'learner' | 'isLive' | 'onNever' | 'onProgress'> & { readonly close: () => void } => {
  const { environment, source, onClosed } = options;
  const { stderr, nowMs } = environment;
  const progress = createProgress(stderr.isTTY === true ? stderr : null, nowMs);
  const learner = createLearner(startHunt(Math.min(MOST_THREADS, availableParallelism())), () => undefined);
  return {
    learner,
    isLive: source.isLive,
    onNever: onClosed,
    onProgress: (text) => progress.show(() => text),
    close: progress.clear,
  };
};
