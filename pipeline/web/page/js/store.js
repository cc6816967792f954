/* What the page knows: the last good answer of each question, and what went wrong since. */

/**
 * health, ranking  answers of the server
 * answers          by place; errors: Failures by place, while the last try failed
 * down             {failure, tries, next} while the server does not answer; null: it does
 * made             by place: when its answer was made
 * waiting          answers that came while the page is paused
 */
export const known = {
    health: null,
    ranking: null,
    answers: {},
    errors: {},
    down: null,
    waiting: 0,
    asOf: 0,
    made: {},
};

export const LIVE_S = 5;
// Of intervals: fresh below two, late below five.
export const FRESH = 2,
    LATE = 5;
// A home of few events is often silent for some seconds: that is worth a chip and no banner.
export const TOLD_S = 60;

/** Of the slower of polling and pipeline, in seconds. */
export const interval = () => Math.max(LIVE_S, known.health?.flush_seconds || 0);

/** Whether nothing has ever come: neither a record that landed nor a count. */
export const isEmpty = () =>
    Boolean(known.health) && known.health.newest_arrival === null && !(known.ranking?.total > 0);
