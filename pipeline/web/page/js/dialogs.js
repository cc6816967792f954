/* What lies over the page: SQL and its command, rejected lines, keys. And what is copied. */

import { ask } from './api.js';
import { $, h, heads } from './dom.js';
import { bytes, lasting, shown, whole } from './format.js';
import { commandOf, pathOf, questionOf } from './questions.js';
import { view } from './state.js';
import { known } from './store.js';

const COPIED_MS = 1400,
    QUIET_MS = 30000;
const WORDS =
    /(--[^\n]*)|(:[a-z_]+)|\b(SELECT|FROM|WHERE|AND|OR|NOT|IN|IS|NULL|WITH|UNION ALL|INNER JOIN|LEFT JOIN|ON|GROUP BY|ORDER BY|PARTITION BY|OVER|LIMIT|AS|DESC|FILTER|DISTINCT|CASE|WHEN|THEN|ELSE|END|BETWEEN|COALESCE|CAST)\b/g;
const PLACES = {
    ranking: 'ranked',
    traffic: 'traffic',
    talkers: 'pairs',
    ports: 'ports',
    pipeline: 'intake',
};

let said = -Infinity;

/** Tell screen readers; unasked at most every half minute. */
export function say(text, asked = false) {
    if (!asked && performance.now() - said < QUIET_MS) return;
    said = performance.now();
    $('#status').textContent = text;
}

export async function copy(text, button) {
    const was = button.textContent;
    try {
        await navigator.clipboard.writeText(text);
        button.textContent = 'Copied';
    } catch {
        button.textContent = 'Press Ctrl C';
    }
    say('Copied', true);
    setTimeout(() => {
        button.textContent = was;
    }, COPIED_MS);
}

/** The SQL of a panel, the command that prints the same rows, and the rows as files. */
export async function openSql(panel) {
    const question = questionOf(panel),
        command = commandOf(question);
    $('#sql-h').textContent = question.name;
    $('#sql-cmd').textContent = shown(command);
    $('#copy-cmd').onclick = (event) => copy(command, event.currentTarget);
    $('#sql-home').hidden = Boolean(known.health?.stage);
    const answer = known.answers[PLACES[panel]],
        here = answer?.engine === 'duckdb';
    $('#sql-f').textContent = answer
        ? `${here ? 'DuckDB on this machine' : 'Athena'}: ${lasting(answer.seconds)}, ${bytes(answer.bytes_scanned)} read. The same text runs on ${here ? 'Athena' : 'DuckDB'}.`
        : panel === 'ranking'
          ? 'The live ranking is counted as events come; this asks the tables.'
          : 'Asking.';
    $('#saves').replaceChildren(
        ...['csv', 'json', 'jsonl', 'parquet'].map((form) => fileOf(question, form)),
    );
    $('#sql').showModal();
    $('#copy-cmd').focus();
    await text(question.name);
}

async function text(name) {
    let found = { description: '', sql: '' };
    try {
        const { body } = await ask('queries', '/v1/queries');
        found = body.queries.find((each) => each.name === name) || found;
    } catch (failure) {
        found.description = failure.what;
    }
    $('#sql-d').textContent = found.title
        ? `${found.title}: ${found.description}.`
        : found.description;
    const parts = [];
    let at = 0;
    for (const match of found.sql.matchAll(WORDS)) {
        parts.push(
            found.sql.slice(at, match.index),
            h('span', { class: match[1] ? 'cm' : match[2] ? 'pm' : 'kw', text: match[0] }),
        );
        at = match.index + match[0].length;
    }
    $('#sql-c').replaceChildren(...parts, found.sql.slice(at));
    $('#copy-sql').onclick = (event) => copy(found.sql, event.currentTarget);
}

/** A link that saves the rows of a question. */
export function fileOf(question, form, label = form.toUpperCase()) {
    const more = { output: form, ...(view.anonymous ? { anonymise: 'true' } : {}) };
    return h('a', {
        href: pathOf(question, more),
        text: label,
        download: `${question.name}.${form}`,
        title: `Save the rows as ${form}`,
    });
}

/** The lines that could not be read: what they say is somebody else's text. */
export function openRejects(rows) {
    $('#rejects-body').replaceChildren(
        h(
            'table',
            { class: 'tbl' },
            h('caption', { class: 'vh', text: 'Rejected lines' }),
            heads(
                ['c-from', 'Source and reason'],
                ['c-n num', 'Lines'],
                ['', 'What is wrong, and an example'],
            ),
            h(
                'tbody',
                {},
                rows.map((row) =>
                    h(
                        'tr',
                        {},
                        h(
                            'td',
                            {},
                            h('code', { text: row.source }),
                            h('br'),
                            h('code', { class: 'mute', text: row.reason }),
                        ),
                        h('td', { class: 'num', text: whole(row.lines) }),
                        h(
                            'td',
                            {},
                            h('p', { text: shown(row.detail || '–') }),
                            h('code', { class: 'raw', text: shown(row.example || '') }),
                        ),
                    ),
                ),
            ),
        ),
    );
    $('#rejects-dlg').showModal();
}
