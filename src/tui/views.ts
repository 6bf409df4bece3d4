// The list of views in the order of their number keys: all that must change here when one is added.
import type { ViewName } from './model.js';
import type { View } from './view.js';
import { bindsView } from './views/binds.js';
import { explainView } from './views/explain.js';
import { findingsView } from './views/findings.js';
import { groupView } from './views/group.js';
import { groupsView } from './views/groups.js';
import { picksView } from './views/picks.js';

export const VIEWS: readonly View[] = [
  groupsView,
  groupView,
  picksView,
  bindsView,
  explainView,
  findingsView,
];

export const viewOf = (name: ViewName): View => VIEWS.find((view) => view.name === name) ?? groupsView;
