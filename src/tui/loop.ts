// When to draw and what a key or command leads to, for any display; it knows no terminal and no view by name.
import type { Elsewhere } from '../core/state/otherports.js';
import type { State } from '../core/state/state.js';
import { render } from './frame.js';
import { type Command, handleKey } from './keys.js';
import { createModel, INTERVALS_MS, shownState } from './model.js';
import { prepared, type Size } from './moves.js';
import { toPlain, toSgr } from './paint.js';
import type { Answers } from './view.js';
import { viewOf } from './views.js';

/** What is drawn on. */
export type Display = {
  readonly size: () => Size;
  /** Earlier frames are still on their way: nothing may be added to them. */
  readonly isBusy: () => boolean;
  readonly show: (content: string) => void;
  /** What is on it is not known any more: the next show() writes all of it. */
  readonly forget: () => void;
};

/** What the caller of the screen gives: the State, how to draw it, what to do. */
export type Run = {
  /** The one State of the run, live. */
  readonly state: () => State;
  /** Asked only while nothing listens on the ports in scope. */
  readonly elsewhere: () => readonly Elsewhere[];
  readonly useColor: boolean;
  readonly ascii: boolean;
  readonly isReplay: boolean;
  readonly answers?: Answers;
  /** Now, on the clock of the events: CLOCK_MONOTONIC live, the newest event's time in a replay. */
  readonly nowNs: () => number;
  readonly actions: {
    readonly reset: () => void;
    readonly restart: () => unknown;
    /** Takes the screen as text and the State it shows; resolves to the file's name, rejects with what to tell. */
    readonly writeSnapshot: (text: string, shown: State) => Promise<string>;
  };
};

export type Loop = {
  /** Draws as soon as ten frames a second allow. */
  readonly schedule: () => void;
  /** Something happened; draws when the view asks for it. Cheap: may be called for every event. */
  readonly redraw: () => void;
  /** Shows a sentence in the last row, until the next key. */
  readonly tell: (text: string) => void;
  readonly press: (key: string) => void;
  readonly stop: () => void;
};

/** At most ten frames a second. */
const FRAME_MS = 100;
const NOTICE_MS = 6000;

/** Draws the first frame and goes on until stop(). `onEnd`: a key asked for the end. */
export const startLoop = (run: Run, display: Display, onEnd: (why: 'quit' | 'sigint') => void): Loop => {
  let model = createModel(run.state().scope.ports);
  let painted = { atMs: Number.NEGATIVE_INFINITY, ticks: -1, status: '', groups: -1 };
  let frame: NodeJS.Timeout | null = null;
  let beat: NodeJS.Timeout | null = null;
  let noticeEnd: NodeJS.Timeout | null = null;
  let isStopped = false;

  const lines = (): ReturnType<typeof render> => {
    const { state, nowNs, isReplay, elsewhere, answers } = run;
    const given = { isReplay, elsewhere, ...(answers === undefined ? {} : { answers }) };
    return render({ state: state(), model, ...display.size(), nowNs: nowNs(), ...given });
  };

  const paint = (): void => {
    frame = null;
    if (isStopped) return;
    // A terminal that does not read must not hold up the reader of bpftrace: this frame is left out.
    if (display.isBusy()) {
      frame = setTimeout(paint, FRAME_MS);
      return;
    }
    const state = run.state();
    model = prepared(model, state, display.size());
    const style = { useColor: run.useColor, isAscii: run.ascii };
    display.show(
      lines()
        .map((row) => toSgr(row, style))
        .join('\n'),
    );
    painted = {
      atMs: performance.now(),
      ticks: state.ticks,
      status: state.status,
      groups: state.groups.size,
    };
    if (beat !== null) clearTimeout(beat);
    beat = setTimeout(schedule, INTERVALS_MS[model.interval] ?? 1000);
  };

  const schedule = (): void => {
    if (isStopped || frame !== null) return;
    frame = setTimeout(paint, Math.max(0, painted.atMs + FRAME_MS - performance.now()));
  };

  const redraw = (): void => {
    if (isStopped || frame !== null) return;
    const { ticks, status, groups } = run.state();
    const interval = INTERVALS_MS[model.interval] ?? 1000;
    const isNew = status !== painted.status || groups.size !== painted.groups;
    const isLiveLog = model.frozen === null && interval <= 1000 && viewOf(model.view).isLog;
    const isDue = ticks !== painted.ticks && performance.now() - painted.atMs > 0.8 * interval;
    if (isNew || isLiveLog || isDue) schedule();
  };

  const hideNoticeLater = (): void => {
    if (noticeEnd !== null) clearTimeout(noticeEnd);
    noticeEnd = setTimeout(() => {
      model = { ...model, notice: null };
      schedule();
    }, NOTICE_MS);
  };

  const snapshot = async (): Promise<void> => {
    let notice: string;
    try {
      const text = toPlain(lines(), run.ascii);
      notice = `Saved ${await run.actions.writeSnapshot(text, shownState(model, run.state()))}`;
    } catch (error) {
      notice = error instanceof Error ? error.message : String(error);
    }
    if (isStopped) return;
    model = { ...model, notice };
    hideNoticeLater();
    schedule();
  };

  const follow = (command: Command): void => {
    switch (command) {
      case 'quit':
      case 'sigint':
        return onEnd(command);
      case 'reset':
        return run.actions.reset();
      case 'restart':
        run.actions.restart();
        return;
      case 'snapshot':
        void snapshot();
        return;
      case 'repaint':
        return display.forget();
    }
  };

  const press = (key: string): void => {
    const result = handleKey(model, key, run.state(), display.size());
    model = result.model;
    if (model.notice !== null) hideNoticeLater();
    if (result.command !== null) follow(result.command);
    schedule();
  };

  const tell = (text: string): void => {
    if (noticeEnd !== null) clearTimeout(noticeEnd);
    model = { ...model, notice: text };
    schedule();
  };

  const stop = (): void => {
    isStopped = true;
    for (const timer of [frame, beat, noticeEnd]) if (timer !== null) clearTimeout(timer);
  };

  paint();
  return { schedule, redraw, tell, press, stop };
};
