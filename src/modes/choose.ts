// Opens what a request asks for: the screen on a terminal, lines elsewhere, or what it names.
import type { Show } from '../args/request.js';
import { isWhole } from '../core/state/state.js';
import { openCheck } from './check.js';
import { openExplain } from './explain.js';
import type { Mode, ModeOptions } from './mode.js';
import { openPredict } from './predict.js';
import { openReach } from './reach.js';
import { openReport } from './report.js';
import { openText } from './text.js';

/** Rejects with a UserError when it cannot be opened. */
export const openMode = async (options: ModeOptions): Promise<Mode> =>
  withDuration(await openShow(options, options.view.show), options);

const openShow = async (options: ModeOptions, show: Show): Promise<Mode> => {
  switch (show.kind) {
    case 'auto':
      return openShow(options, canDraw(options) ? { ...show, kind: 'screen' } : { kind: 'lines' });
    case 'screen': {
      const { openTui } = await import('./screen.js');
      return openTui(options, show);
    }
    case 'lines':
    case 'once':
    case 'ndjson':
      return openText(options, show.kind);
    case 'explain':
      return openExplain(options, show);
    case 'check':
      return openCheck(options, show.output);
    case 'report':
      return openReport(options, show.to);
    case 'predict':
      return openPredict(options, show);
    case 'reach':
      return openReach(options, show);
    case 'serve': {
      const { openService } = await import('./serve.js');
      return openService(options, show.listen);
    }
  }
};

/** A terminal that can place the cursor. */
const canDraw = ({ environment: { stdout, variables } }: ModeOptions): boolean =>
  stdout.isTTY === true && variables.TERM !== 'dumb';

/** Ends a live run after --duration, counted from the moment all probes are attached. A replay has it in its own time. */
const withDuration = (mode: Mode, { view, source, onClosed }: ModeOptions): Mode => {
  const seconds = view.duration;
  if (seconds === null || !source.isLive) return mode;
  let timer: NodeJS.Timeout | null = null;
  return {
    ...mode,
    take: (state, event) => {
      mode.take(state, event);
      if ((event.kind !== 'attached' && event.kind !== 'part') || !isWhole(state)) return;
      timer ??= setTimeout(() => {
        mode.close();
        onClosed();
      }, seconds * 1000);
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
      mode.close();
    },
  };
};
