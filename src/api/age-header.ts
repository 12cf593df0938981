/** On every answer while the store does not answer: how old what is served may be. */
export const AGE_HEADER = 'x-clickrate-age-ms';
