/* What the page shows: range, filters, switches; and the address that carries them. */

import { iso } from './format.js';

/** By name: its length, and the length of a bucket, in seconds. */
export const RANGES = {
    '10m': [600, 10],
    '1h': [3600, 60],
    '6h': [21600, 300],
    '24h': [86400, 900],
    '7d': [604800, 7200],
};
export const BUCKETS = { 10: '10 s', 60: '1 min', 300: '5 min', 900: '15 min', 7200: '2 h' };
/** Dimensions of filters, and how each is called in a saved query. */
export const DIMENSIONS = ['page', 'source', 'port'];
/** The range where the address says none. */
export const usual = { range: '10m' };
const RANKINGS = ['page', 'talker', 'rejected_port', 'error_path'];
const THEMES = ['auto', 'light', 'dark'];
/** What a filter may say; it goes into questions, and into commands that people paste. */
const KEYS = {
    page: /^[^\x00-\x1f\x7f-\x9f]{1,2048}$/,
    source: /^[0-9a-f.:]{2,45}$/i,
    port: /^\d{1,5}$/,
};
const LONGEST_S = 366 * 86400;

/** Whether a filter may say this. */
export const keyFits = (dimension, key) => KEYS[dimension].test(key);

/** What is seen.
 * custom  a window that was zoomed to, in seconds since the epoch
 * find    words that narrow the ranking
 * hold    whether rows keep their places, since somebody points at them
 */
export const view = {
    range: '10m',
    by: 'page',
    custom: null,
    filters: [],
    tables: new Set(),
    local: false,
    find: '',
    live: true,
    compare: true,
    hold: false,
    keys: true,
    anonymous: false,
};

/** Take over what the address says. */
export function readAddress() {
    const given = new URLSearchParams(location.search);
    view.range = Object.hasOwn(RANGES, given.get('range')) ? given.get('range') : usual.range;
    view.by = RANKINGS.includes(given.get('by')) ? given.get('by') : 'page';
    view.filters = [];
    for (const text of given.getAll('f')) {
        const [dimension, key] = text.split(/:(.*)/s);
        if (DIMENSIONS.includes(dimension) && keyFits(dimension, key || '')) {
            view.filters = [
                ...view.filters.filter((each) => each.dimension !== dimension),
                { dimension, key },
            ];
        }
    }
    view.tables = new Set(
        (given.get('view') || '').split(',').filter((each) => each === 'traffic'),
    );
    view.local = given.get('tz') === 'local';
    view.anonymous = given.has('anonymous');
    view.custom = windowOf(given.get('from'), given.get('to'));
}

function windowOf(from, to) {
    const [first, last] = [from, to].map((text) => Date.parse(text || '') / 1000);
    // Neither before the epoch nor longer than a bucket may be: no number, no window.
    return first >= 0 && last > first && last - first <= LONGEST_S
        ? [Math.floor(first), Math.ceil(last)]
        : null;
}

/** Write the address; `step`: so that Back returns to what was. */
export function writeAddress(step = false) {
    const said = new URLSearchParams();
    if (view.range !== usual.range) said.set('range', view.range);
    if (view.custom) {
        const [from, to] = view.custom.map(iso);
        said.set('from', from);
        said.set('to', to);
    }
    if (view.by !== 'page') said.set('by', view.by);
    for (const each of view.filters) said.append('f', each.dimension + ':' + each.key);
    if (view.tables.size) said.set('view', [...view.tables].join(','));
    if (view.local) said.set('tz', 'local');
    if (view.anonymous) said.set('anonymous', '');
    const address = location.pathname + (said.size ? '?' + said : '');
    history[step ? 'pushState' : 'replaceState'](null, '', address);
}

export const filtered = (dimension) =>
    view.filters.find((each) => each.dimension === dimension)?.key;

/** Whether a filter is one that flows have to fit. */
export const filtersFlows = () => Boolean(filtered('source') || filtered('port'));

/** Length of the window and of a bucket, in seconds. */
export function measure() {
    if (!view.custom) return RANGES[view.range];
    const length = view.custom[1] - view.custom[0];
    return [length, Math.max(1, Math.round(length / 60))];
}

export const theme = () => document.documentElement.dataset.theme;

/** The next theme; kept in a cookie, so that the page comes with it from its first byte. */
export function turnTheme() {
    const next = THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length];
    document.documentElement.dataset.theme = next;
    document.cookie = `tailrace-theme=${next}; path=/; max-age=31536000; samesite=strict`;
    return next;
}
