// The closed list of rules. Their order is that of their findings: worst first within one severity.

import { bindRule } from './bind.js';
import { closeRule } from './close.js';
import { connectedRule } from './connected.js';
import { dialRule } from './dial.js';
import { endedRule } from './ended.js';
import { ghostRule } from './ghost.js';
import { lingeringRule } from './lingering.js';
import { lossyRule } from './lossy.js';
import { overflowRule } from './overflow.js';
import { programRule } from './program.js';
import { renumberRule } from './renumber.js';
import { sharingRule } from './sharing.js';
import { skewRule } from './skew.js';
import { splitRule } from './split.js';
import { strangersRule } from './strangers.js';
import { stuckRule } from './stuck.js';
import { unacceptedRule } from './unaccepted.js';
import { unreadRule } from './unread.js';

export const RULES = [
  endedRule,
  unacceptedRule,
  stuckRule,
  ghostRule,
  overflowRule,
  unreadRule,
  closeRule,
  programRule,
  lingeringRule,
  skewRule,
  bindRule,
  dialRule,
  sharingRule,
  strangersRule,
  connectedRule,
  splitRule,
  renumberRule,
  lossyRule,
] as const;
export type RuleId = (typeof RULES)[number]['id'];
