// What the user's filter lets through: plain text in any of a row's fields, case ignored, `!` in front inverts.

/** Whether a row with these fields is shown. An empty filter shows everything, without asking for them. */
export const matches = (filter: string, fields: () => readonly string[]): boolean => {
  const isInverted = filter.startsWith('!');
  const wanted = (isInverted ? filter.slice(1) : filter).toLowerCase();
  if (wanted === '') return true;
  return fields().some((field) => field.toLowerCase().includes(wanted)) !== isInverted;
};
