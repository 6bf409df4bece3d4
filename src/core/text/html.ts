// Text of strangers within HTML and SVG.

/** Runs of letters that are written from right to left: alone in their <bdi> they turn nothing around them. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]+/gu;

/** Text for HTML or SVG, in an element or in an attribute. What is no character of XML is clean() already. */
export const escapeText = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/** Text for an element of HTML. */
export const escapeHtml = (text: string): string =>
  escapeText(text).replace(RIGHT_TO_LEFT, (run) => `<bdi>${run}</bdi>`);
