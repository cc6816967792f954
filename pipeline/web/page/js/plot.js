/* Two plots over one time axis, each with a scale of its own. They are made once and fed. */

import { $, h } from './dom.js';
import { bytes, clock, day } from './format.js';
import { view } from './state.js';

/* global uPlot */
const FONT = '11px Inter, system-ui, sans-serif';
const COLOURS = ['flow', 'flow-bar', 'spill', 'spill-bar', 'ink-3', 'ctl', 'line', 'inset'];
const LEAST_DRAG = 6,
    HALF_LABEL = 18,
    AXIS = 64;
const POWERS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12, PB: 1e15 };

let plots = [],
    data = null,
    colours = null,
    hatched = null,
    told = null;

/** What is drawn.
 * {x, step, accepted, rejected, before, end, open, spread}: values in bytes a second, null for none;
 * buckets from `open` on are not whole yet; `spread` whether days are named on the axis
 */
export function show(series, { zoom, read }) {
    data = series;
    told = { zoom, read };
    if (!plots.length) make();
    plots.forEach((plot, i) => plot.setData(columns()[i]));
}

/** Draw anew, in other colours or another size. */
export function remake() {
    if (!plots.length || !data) return;
    drop();
    make();
}

export function drop() {
    plots.forEach((plot) => plot.destroy());
    plots = [];
}

export const isPointed = () =>
    plots.some((plot) => plot.cursor.idx !== null && plot.cursor.idx !== undefined);

function columns() {
    const { x, accepted, rejected, before, open } = data;
    const until = (values, from) => values.map((each, i) => (i >= from ? null : each));
    const since = (values, from) => values.map((each, i) => (i < from ? null : each));
    return [
        [x, until(accepted, open), since(accepted, open - 1), before],
        [x, until(rejected, open), since(rejected, open)],
    ];
}

function make() {
    const boxes = [$('#p-acc'), $('#p-rej')];
    if (!boxes[0].clientWidth) return;
    colours = Object.fromEntries(COLOURS.map((name) => [name, colourOf(name)]));
    hatched = hatch(colours.spill, colours['spill-bar']);
    const points = { show: false };
    const bars = uPlot.paths.bars({ size: [0.72, 22], align: 1 });
    // A line of one point is none.
    const alone = { show: true, size: 5, width: 0, fill: colours.flow, filter: alonePoints };
    const accepted = [
        { stroke: colours.flow, fill: colours['flow-bar'], width: 1.5, points: alone },
        {
            stroke: colours.flow,
            fill: faint(colours['flow-bar']),
            width: 1.5,
            dash: [3, 3],
            points: alone,
        },
        { stroke: colours['ink-3'], width: 1, alpha: 0.75, points },
    ];
    const rejected = [
        { stroke: colours.spill, fill: () => hatched, width: 1, points, paths: bars },
        { stroke: colours.spill, width: 1, dash: [2, 2], points, paths: bars },
    ];
    const found = columns();
    plots = [
        new uPlot(optionsOf(boxes[0], accepted, [3, 4, 5], false), found[0], boxes[0]),
        new uPlot(optionsOf(boxes[1], rejected, [2, 3], true), found[1], boxes[1]),
    ];
    plots.forEach((plot) => plot.over.addEventListener('dblclick', () => told.zoom(null)));
}

function optionsOf(box, series, choices, last) {
    const top = () =>
        highest(last ? [data.rejected] : [data.accepted, data.before]) * (last ? 1.22 : 1.03);
    const axis = { font: FONT, stroke: colours['ink-3'] };
    return {
        width: box.clientWidth,
        height: box.clientHeight,
        padding: [8, 0, last ? 0 : 6, 0],
        legend: { show: false },
        ms: 1e-3,
        tzDate: (at) =>
            view.local ? new Date(at * 1000) : uPlot.tzDate(new Date(at * 1000), 'Etc/UTC'),
        cursor: {
            sync: { key: 'traffic' },
            y: false,
            drag: { x: true, y: false, setScale: false },
            points: { size: 6, width: 1.5, fill: () => colours['flow-bar'] },
        },
        scales: {
            x: { time: true, range: () => [data.x[0], data.x.at(-1) + data.step] },
            y: { range: () => [0, scaleOf(top(), choices).at(-1)] },
        },
        axes: [
            {
                ...axis,
                show: last,
                grid: { show: false },
                ticks: { show: true, size: 4, width: 1, stroke: colours.ctl },
                border: { show: true, width: 1, stroke: colours.ctl },
                gap: 3,
                size: 26,
                space: 76,
                values: (plot, all) => all.map((at) => (fits(plot, at) ? timeOf(at) : '')),
            },
            {
                ...axis,
                grid: { stroke: colours.line, width: 1 },
                ticks: { show: false },
                size: AXIS,
                gap: 6,
                splits: () => scaleOf(top(), choices),
                values: (_, all) => all.map((each) => labelOf(each, all.at(-1))),
            },
        ],
        series: [{}, ...series],
        hooks: {
            drawClear: [bands],
            draw: last ? [peak] : [],
            setCursor: [(plot) => told.read(plot.cursor.idx)],
            setSelect: [selected],
        },
    };
}

/** Whether a label in the middle of this place is not cut by the edge. */
function fits(plot, at) {
    const width = plot.width - AXIS,
        span = data.x.at(-1) + data.step - data.x[0];
    return ((at - data.x[0]) / span) * width < width - HALF_LABEL;
}

const timeOf = (at) => (data.spread ? day(at) : clock(at, data.step < 10));

function labelOf(value, top) {
    if (!top) return '0';
    const unit = bytes(top).split('\u202f')[1],
        number = String(+(value / POWERS[unit]).toFixed(2));
    return value === top ? `${number} ${unit}/s` : number;
}

const highest = (lines) => Math.max(0, ...lines.flat().filter((each) => each !== null));

/** Marks of a scale from 0: round steps, so few that the top lies close above the highest value. */
function scaleOf(most, choices) {
    if (most <= 0) return [0, 1];
    const [step, parts] = choices
        .map((count) => {
            const raw = most / count,
                power = 10 ** Math.floor(Math.log10(raw));
            return [[1, 2, 2.5, 5, 10].find((each) => each * power >= raw - 1e-9) * power, count];
        })
        .sort((one, other) => one[0] * one[1] - other[0] * other[1])[0];
    return Array.from({ length: parts + 1 }, (_, i) => i * step);
}

/** Places of a line whose neighbours have no data. */
function alonePoints(plot, line) {
    const values = plot.data[line],
        has = (i) => values[i] !== null && values[i] !== undefined;
    return values.flatMap((_, i) => (has(i) && !has(i - 1) && !has(i + 1) ? [i] : []));
}

/** Bands where there is no data. */
function bands(plot) {
    const { ctx } = plot;
    ctx.save();
    ctx.fillStyle = colours.inset;
    for (let i = 0; i < data.due; i++) {
        const from = i;
        while (i < data.due && data.accepted[i] === null) i++;
        if (i === from) continue;
        const ends = [data.x[from], data.x[i - 1] + data.step];
        const [left, right] = ends.map((at) => plot.valToPos(at, 'x', true));
        ctx.fillRect(left, plot.bbox.top, right - left, plot.bbox.height);
    }
    ctx.restore();
}

/** The highest bar has its value, where it stands out. */
function peak(plot) {
    const values = data.rejected.filter((each) => each !== null),
        top = highest([values]);
    if (!top || top < (2 * values.reduce((sum, each) => sum + each, 0)) / values.length) return;
    const { ctx } = plot,
        ratio = uPlot.pxRatio,
        i = data.rejected.indexOf(top);
    const x = plot.valToPos(data.x[i] + data.step / 2, 'x', true),
        y = plot.valToPos(top, 'y', true);
    ctx.save();
    ctx.font = `500 ${11 * ratio}px Inter, system-ui, sans-serif`;
    ctx.fillStyle = colours.spill;
    const share = (x - plot.bbox.left) / plot.bbox.width;
    ctx.textAlign = share > 0.85 ? 'right' : share < 0.15 ? 'left' : 'center';
    ctx.textBaseline = 'bottom';
    ctx.fillText(bytes(top) + '/s', x, Math.max(y - 4 * ratio, plot.bbox.top + 12 * ratio));
    ctx.restore();
}

function selected(plot) {
    const { left, width } = plot.select;
    if (width > LEAST_DRAG) {
        const from = plot.posToVal(left, 'x'),
            to = plot.posToVal(left + width, 'x');
        setTimeout(() => told.zoom(from, to));
    }
    if (width) plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
}

function colourOf(name) {
    const probe = h('i', { hidden: true });
    probe.style.color = `var(--${name})`;
    probe.style.forcedColorAdjust = 'none';
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
}

const faint = (colour) => colour.replace('rgb(', 'rgba(').replace(')', ', 0.5)');

function hatch(stripe, ground) {
    const ratio = devicePixelRatio || 1,
        size = Math.round(5 * ratio),
        canvas = h('canvas');
    canvas.width = canvas.height = size;
    const ctx = canvas.getContext('2d');
    ctx.fillStyle = ground;
    ctx.fillRect(0, 0, size, size);
    ctx.strokeStyle = stripe;
    ctx.lineWidth = 1.3 * ratio;
    ctx.beginPath();
    for (const shift of [-size, 0, size]) {
        ctx.moveTo(shift, size);
        ctx.lineTo(shift + size, 0);
    }
    ctx.stroke();
    return ctx.createPattern(canvas, 'repeat');
}
