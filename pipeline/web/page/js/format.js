/* Numbers and times as people read them. */

import { view } from './state.js';

export const NARROW = '\u202f',
    MINUS = '\u2212';
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export const whole = (count) => Math.round(count).toLocaleString('en-US');

/** Bytes with three digits: the number and its unit. */
export function sized(count) {
    let unit = 0;
    while (count >= 999.5 && unit < UNITS.length - 1) {
        count /= 1000;
        unit++;
    }
    return [
        unit === 0
            ? String(Math.round(count))
            : count.toFixed(count < 9.995 ? 2 : count < 99.95 ? 1 : 0),
        UNITS[unit],
    ];
}

export const bytes = (count) => sized(count).join(NARROW);

export function percent(share) {
    if (share >= 0.9995) return share < 1.0005 ? '100%' : whole(100 * share) + '%';
    return (100 * share).toFixed(share < 0.000995 && share > 0 ? 3 : share < 0.0995 ? 2 : 1) + '%';
}

const two = (number) => String(Math.floor(number)).padStart(2, '0');

/** A length of time: 4 s, 4 min 12 s, 2 h 05 min, 3 d 04 h. */
export function lasting(seconds) {
    const n = NARROW;
    if (seconds < 10) return seconds.toFixed(1).replace(/\.0$/, '') + n + 's';
    if (seconds < 60) return Math.round(seconds) + n + 's';
    if (seconds < 3600) return `${Math.floor(seconds / 60)}${n}min ${two(seconds % 60)}${n}s`;
    if (seconds < 86400)
        return `${Math.floor(seconds / 3600)}${n}h ${two((seconds % 3600) / 60)}${n}min`;
    return `${Math.floor(seconds / 86400)}${n}d ${two((seconds % 86400) / 3600)}${n}h`;
}

/** A wait in short: 12 ms, 1.4 s, 2.9 min, 1.2 h. */
export function wait(ms) {
    if (ms === null || ms === undefined) return '–';
    if (ms < 1000) return Math.round(ms) + NARROW + 'ms';
    const [size, unit] = [
        [3600e3, 'h'],
        [60e3, 'min'],
        [1e3, 's'],
    ].find(([each]) => ms >= each);
    return (ms / size).toFixed(ms / size < 99.5 ? 1 : 0) + NARROW + unit;
}

/** A moment, in seconds since the epoch, as a clock. */
export function clock(at, seconds = true) {
    const date = new Date(at * 1000);
    const parts = view.local
        ? [date.getHours(), date.getMinutes(), date.getSeconds()]
        : [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()];
    return parts
        .slice(0, seconds ? 3 : 2)
        .map(two)
        .join(':');
}

export function day(at) {
    const date = new Date(at * 1000);
    return view.local
        ? date.getDate() + ' ' + MONTHS[date.getMonth()]
        : date.getUTCDate() + ' ' + MONTHS[date.getUTCMonth()];
}

export const zone = () => (view.local ? ' local' : ' UTC');

export const iso = (at) => new Date(at * 1000).toISOString().slice(0, 19) + 'Z';

/** A span of time, with days where it is long. */
export function span(from, to) {
    if (to - from > 43200)
        return `${day(from)} ${clock(from, false)} – ${day(to)} ${clock(to, false)}`;
    return `${clock(from)} – ${clock(to)}`;
}

const OCTET = '(?:25[0-5]|2[0-4]\\d|[01]?\\d?\\d)';
const FOUR_OF = `(?<!\\d)(${OCTET}\\.${OCTET}\\.${OCTET})\\.${OCTET}(?!\\d)(?:/24(?!\\d))?`;
// Groups with colons, of which the last may be a port; whether they are an address is judged apart.
const SIX_OF = `(?<!\\w)((?:[0-9A-Fa-f]{0,4}:){2,}(?:${OCTET}(?:\\.${OCTET}){3}(?!\\d)|[0-9A-Fa-f]{1,4})?)(?!\\w)(?:/(?:24|48)(?!\\d))?`;
const FOUR = new RegExp(FOUR_OF, 'g'),
    ADDRESS = new RegExp(`${SIX_OF}|${FOUR_OF}`, 'g');

/** What cannot be seen: control and direction characters, and those without a width. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text with what cannot be seen written out, as the command line does, and as a shell reads it. */
export const visible = (text) =>
    text.replace(UNSEEN, (each) => {
        const code = each.codePointAt(0).toString(16);
        if (code.length > 4) return '\\U' + code.padStart(8, '0');
        return code.length > 2 ? '\\u' + code.padStart(4, '0') : '\\x' + code.padStart(2, '0');
    });

/** Whether a text is an address, and nothing beside. */
export const isAddress = (text) =>
    new RegExp(`^${OCTET}(\\.${OCTET}){3}$`).test(text) || groupsOf(text) !== null;

/** A text of a log as it is shown: with the switch on, its addresses are cut to their networks. */
export const shown = (text) => visible(view.anonymous ? hidden(text) : text);

/** Addresses without what tells hosts apart, as the server cuts them in files. */
const hidden = (text) =>
    text.replace(ADDRESS, (found, six, four) => {
        if (six === undefined) return four + '.0/24';
        const end = six.lastIndexOf(':');
        for (const [address, rest] of [
            [six, ''],
            [six.slice(0, end), six.slice(end)],
        ]) {
            const groups = groupsOf(address);
            if (groups) return networkOf(groups) + rest;
        }
        return found.replace(FOUR, '$1.0/24');
    });

/** The eight groups of an IPv6 address, as numbers; null for what is none. */
function groupsOf(text) {
    const halves = text.split('::');
    if (halves.length > 2) return null;
    const [left, right] = [halves[0], halves[1] ?? ''].map((half) =>
        half
            ? half.split(':').flatMap((each) => (each.includes('.') ? ['0', '0'] : [each]))
            : [],
    );
    const missing = 8 - left.length - right.length;
    if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
    const all = [...left, ...Array(missing).fill('0'), ...right];
    return all.every((each) => /^[0-9a-f]{1,4}$/i.test(each))
        ? all.map((each) => parseInt(each, 16))
        : null;
}

function networkOf(groups) {
    const kept = groups.slice(0, 3);
    while (kept.at(-1) === 0) kept.pop();
    return kept.map((each) => each.toString(16)).join(':') + '::/48';
}
