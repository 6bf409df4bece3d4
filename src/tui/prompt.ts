// Typing in the last row: a filter that works while it is typed, or a number of members. Pure, as all of the model.
import type { Model } from './model.js';

const LONGEST_TEXT = 60;
/** Most members a group can have (reuseport_add_sock, net/core/sock_reuseport.c). */
const MOST_MEMBERS = 32_768;

/** One key while something is asked. */
export const typed = (model: Model, key: string): Model => {
  const { prompt } = model;
  if (prompt === null) return model;
  const said = (text: string): Model => ({
    ...model,
    prompt: { ...prompt, text },
    ...(prompt.asks === 'filter' ? { filter: text } : {}),
  });
  if (key === 'return') return answered(model);
  if (key === 'escape')
    return { ...model, prompt: null, ...(prompt.asks === 'filter' ? { filter: '' } : {}) };
  if (key === 'backspace' || key === 'C-h') return said([...prompt.text].slice(0, -1).join(''));
  if (key === 'C-u') return said('');
  const isText = [...key].length === 1 && prompt.text.length < LONGEST_TEXT;
  if (!isText || (prompt.asks === 'n' && !/\d/.test(key))) return model;
  return said(prompt.text + key);
};

const answered = (model: Model): Model => {
  const { prompt } = model;
  if (prompt?.asks !== 'n') return { ...model, prompt: null };
  const n = Number(prompt.text);
  const isMeant = Number.isInteger(n) && n > 0 && n <= MOST_MEMBERS;
  return { ...model, prompt: null, otherN: isMeant ? n : null };
};
