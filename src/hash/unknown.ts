// Why a hash is not known (yet), in words.
import { formatCount } from '../core/text/format.js';
import type { Learned } from './learner.js';

type Unknown = Exclude<Learned, { kind: 'known' }>;

/** It will not be known, however long one waits. */
export const isOver = (learned: Unknown): boolean =>
  learned.kind === 'failed' || (learned.kind === 'contradicted' && learned.isFinal);

/** As the end of "cannot predict: ..." or "not known: ...". */
export const whyUnknown = (learned: Unknown): string => {
  switch (learned.kind) {
    case 'searching':
      return `the hash is being learned, ${Math.floor(100 * learned.part)}% of the seeds are tried`;
    case 'wanting': {
      const { picks, isUnsettled } = learned;
      const more = `${formatCount(picks)} more pick${picks === 1 ? ' is' : 's are'} needed to learn the hash`;
      return isUnsettled
        ? `${more}, and most of those seen came within a second of a change of its members`
        : more;
    }
    case 'contradicted':
      return `no seed explains ${formatCount(learned.picks)} picks of it: not the hash alone decides (SO_INCOMING_CPU, or a program now and then)`;
    case 'failed':
      return `the hash could not be learned: ${learned.why}`;
  }
};
