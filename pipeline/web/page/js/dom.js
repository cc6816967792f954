/* Elements without markup: text of a log enters by textContent alone. */

const SVG = 'http://www.w3.org/2000/svg';

export const $ = (selector, within = document) => within.querySelector(selector);

function put(element, properties, children) {
    for (const [name, value] of Object.entries(properties || {})) {
        if (value === null || value === undefined || value === false) continue;
        if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
        else if (name === 'text') element.textContent = value;
        else element.setAttribute(name, value === true ? '' : value);
    }
    for (const child of children.flat(3)) {
        if (child !== null && child !== undefined && child !== false) element.append(child);
    }
    return element;
}

export const h = (tag, properties, ...children) =>
    put(document.createElement(tag), properties, children);

export const s = (tag, properties, ...children) =>
    put(document.createElementNS(SVG, tag), properties, children);

export const icon = (name) =>
    s('svg', { class: 'ic', 'aria-hidden': 'true' }, s('use', { href: '#i-' + name }));

/** Text for screen readers alone. */
export const vh = (text) => h('span', { class: 'vh', text });

/** Draw what is in a box anew; the focus goes to what stands where it was, or says the same. */
export function keepingFocus(box, drawn) {
    const was = box.contains(document.activeElement) ? document.activeElement : null,
        nameOf = (each) => each.getAttribute('aria-label') || each.textContent,
        all = () => [...box.querySelectorAll(was.tagName)];
    const place = was && all().indexOf(was),
        name = was && nameOf(was);
    drawn();
    if (!was || box.contains(document.activeElement)) return;
    const now = all();
    (now.find((each) => nameOf(each) === name) || now[place])?.focus({ preventScroll: true });
}

/** Replace what an element holds by pairs of a name and a value. */
export function pairs(list, rows) {
    list.replaceChildren(
        ...rows.flatMap(([name, value]) => [h('dt', { text: name }), h('dd', { text: value })]),
    );
}

export const heads = (...columns) =>
    h(
        'thead',
        {},
        h(
            'tr',
            {},
            columns.map(([kind, text]) => h('th', { class: kind, scope: 'col', text })),
        ),
    );

/**
 * A line of counts; `open`: the last one is of a time that is not over, and dashed.
 * Lengths are attributes: the policy of the page forbids style in them.
 */
export function spark(values, { width = 72, height = 20, kind = '', open = false } = {}) {
    const high = Math.max(...values),
        low = Math.min(...values),
        span = high - low || 1;
    const x = (i) => 1 + (i * (width - 4)) / (values.length - 1);
    const y = (value) => height - 2 - ((value - low) / span) * (height - 5);
    const points = values.map((value, i) => x(i).toFixed(1) + ' ' + y(value).toFixed(1));
    const end = values.length - (open ? 2 : 1),
        line = 'M' + points.slice(0, end + 1).join('L');
    return s(
        'svg',
        {
            class: 'spark ' + kind,
            width,
            height,
            viewBox: `0 0 ${width} ${height}`,
            'aria-hidden': 'true',
        },
        s('path', { class: 'a', d: `${line}L${x(end).toFixed(1)} ${height}L1 ${height}Z` }),
        s('path', { class: 'l', d: line }),
        open && s('path', { class: 'l open', d: 'M' + points.slice(end).join('L') }),
        s('circle', { class: 'e', cx: x(end).toFixed(1), cy: y(values[end]).toFixed(1), r: 1.9 }),
    );
}

/** The bar under a name; hatched is rejected, wherever it is seen. */
export const bar = (share, rejected) =>
    s(
        'svg',
        { class: 'under' + (rejected ? ' rej' : ''), 'aria-hidden': 'true' },
        s('rect', {
            width: Math.max(0.4, share * 100).toFixed(2) + '%',
            height: '100%',
            rx: 3,
            fill: rejected ? 'url(#hatch)' : null,
        }),
    );

/** Grey blocks where rows will be; `columns`: their classes, "" for the one of the names. */
export const skeleton = (count, columns) =>
    Array.from({ length: count }, (_, row) =>
        h(
            'tr',
            {},
            columns.map((kind) =>
                h(
                    'td',
                    { class: kind || null },
                    h(
                        'div',
                        { class: kind ? null : 'cell' },
                        h('span', { class: 'sk w' + (!kind ? (row % 2) + 3 : kind === 'mark' ? 1 : 2) }),
                    ),
                ),
            ),
        ),
    );
