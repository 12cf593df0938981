/** The time zone of the stores under test, and the levels of their history. */
export const ZONE = 'Asia/Kathmandu';
export const LEVELS = ['window', '1m', '15m', `1d ${ZONE}`];
