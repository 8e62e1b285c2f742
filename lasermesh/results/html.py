"""Sections of text as HTML, and what notebooks show of runs."""

from html import escape

from lasermesh.results.headline import headline
from lasermesh.results.layout import INDENT, SPANNED, SentenceLine, TableLine, counted
from lasermesh.results.statuses import COMPLETE


def section_html(lines, heading="h3", name=""):
    """One section of text as HTML: its title as a heading, its tables as tables, its sentences as paragraphs.

    Parameters
    ----------
    lines : list of str
        As functions of sections return them, with TableLine and SentenceLine among them.
    heading : str
        Element of the title.
    name : str
        Of the table, if the section has no title.
    """
    if not any(isinstance(line, TableLine) for line in lines):
        return "".join(_paragraphs(lines))
    parts = []
    first = next(place for place, line in enumerate(lines) if isinstance(line, TableLine))
    before = _sentences(lines[:first])
    title = lines[first].cells[0]
    if not title and before:
        title, _, rest = before.pop(0).partition(": ")
        before = [rest, *before] if rest else before
    if title:
        parts.append(f"<{heading}>{escape(title.rstrip(':'))}</{heading}>")
    parts += [f"<p>{escape(sentence)}</p>" for sentence in before]
    last = max(place for place, line in enumerate(lines) if isinstance(line, TableLine))
    parts.append(_table(lines[first : last + 1], title.rstrip(":") or name))
    parts += _paragraphs(lines[last + 1 :])
    return "".join(parts)


def _sentences(lines):
    """What lines that are no table say."""
    whole = [line.sentence if isinstance(line, SentenceLine) else line.strip() for line in lines]
    return [text for text in whole if text]


def _paragraphs(lines):
    return [f'<p class="note">{escape(text)}</p>' for text in _sentences(lines)]


def _table(lines, title):
    """Lines of one table; those between its rows are rules above totals, or words about what follows."""
    headers = [line for line in lines if isinstance(line, TableLine) and line.is_header]
    width = len(headers[-1].cells)
    parts = ["<thead>", *_heads(headers), "</thead><tbody>"]
    for line in lines:
        if isinstance(line, TableLine):
            if not line.is_header:
                parts.append(_row(line))
        elif not line.strip(" -"):
            parts.append('</tbody><tbody class="total">')
        else:
            words = escape(line.strip())
            parts.append(f'</tbody><tbody><tr><th colspan="{width}" scope="rowgroup">{words}</th></tr>')
    return table_html("".join((*parts, "</tbody>")), title)


def table_html(rows, name, kind=""):
    """Rows as a table that scrolls for itself where it is wider than the page.

    `name` is its caption, for who hears the page; who sees it has the heading above.
    """
    kind = f' class="{kind}"' if kind else ""
    caption = f"<caption>{escape(name)}</caption>"
    region = f'<div class="table" role="region" tabindex="0" aria-label="{escape(name)}">'
    return f"{region}<table{kind}>{caption}{rows}</table></div>"


def _heads(headers):
    """Rows of column headers: one over several columns takes a row of its own."""
    lower = headers[-1].cells
    upper = headers[0].cells if len(headers) > 1 else [""] * len(lower)
    if SPANNED not in upper:
        cells = [
            f'<th scope="col">{_two_lines(*pair)}</th>' for pair in zip(upper[1:], lower[1:], strict=True)
        ]
        if headers[-1].last_left:
            cells[-1] = cells[-1].replace("<th ", '<th class="words" ', 1)
        return ["<tr><td></td>", *cells, "</tr>"]
    first, second = ['<td rowspan="2"></td>'], []
    for place in range(1, len(upper)):
        if upper[place] is SPANNED:
            second.append(f'<th scope="col">{escape(lower[place])}</th>')
            continue
        span = 1
        while place + span < len(upper) and upper[place + span] is SPANNED:
            span += 1
        if span == 1:
            first.append(f'<th scope="col" rowspan="2">{_two_lines(upper[place], lower[place])}</th>')
        else:
            first.append(f'<th scope="colgroup" class="over" colspan="{span}">{escape(upper[place])}</th>')
            second.append(f'<th scope="col">{escape(lower[place])}</th>')
    return ["<tr>", *first, "</tr><tr>", *second, "</tr>"]


def _two_lines(upper, lower):
    return "<br>".join(escape(text) for text in (upper, lower) if text)


def _row(line):
    name, *cells = line.cells
    parts = [f'<tr><th scope="row">{escape(name.removeprefix(INDENT))}</th>']
    for place, cell in enumerate(cells):
        is_text = line.last_left and place == len(cells) - 1
        parts.append(f'<td class="words">{escape(cell)}</td>' if is_text else f"<td>{escape(cell)}</td>")
    return "".join((*parts, "</tr>"))


def run_html(run):
    """What a notebook shows of a `Run`: what was run, how it ended, and the figures that matter first."""
    summary = run.summary
    rows = [(fact.name, fact.value, fact.note) for fact in headline(summary)]
    return _kept_html(run, f"{summary['simulated_s']:,g} s simulated", (), rows)


def alternatives_html(runs):
    """What a notebook shows of `AlternativeRuns`: a column of figures for each alternative."""
    alternatives = runs.summary["alternatives"]
    names, of_each = facts_side_by_side(alternatives)
    rows = [("status", *(each["status"] for each in alternatives))]
    rows += [(name, *(facts.get(name, "-") for facts in of_each)) for name in names]
    what = counted(len(alternatives), "alternative")
    return _kept_html(runs, what, ("", *(each["name"] for each in alternatives)), rows)


def facts_side_by_side(alternatives):
    """Names of the facts that any alternative has, in order, and of each alternative the values by name."""
    of_each = [
        {fact.name: fact.value for fact in headline(each["summary"])} if each["summary"] else {}
        for each in alternatives
    ]
    return list(dict.fromkeys(name for facts in of_each for name in facts)), of_each


def _kept_html(kept, what, headers, rows):
    """What a notebook shows of what lies in a folder."""
    title, about = kept.manifest["experiment"], f", {what}, seed {kept.manifest['seed']}"
    if kept.status == COMPLETE:
        about = f": {kept.status}{about}"
    else:
        title = f"{title}: {kept.status}"  # which is to be seen at once
    return notebook_html(title, headers, rows, about, str(kept.path))


def notebook_html(title, headers, rows, about="", folder=""):
    """A small table for a notebook, without a style of its own but alignment, as notebooks have theirs.

    Parameters
    ----------
    title, about : str
        Above the table; the title is bold.
    headers : sequence of str
        Of all columns; empty: none.
    rows : sequence of sequence of str
        The first cell of a row says what it is, the others are numbers.
    folder : str
        Where it lies, below the table.

    Returns
    -------
    text : str
        One `div`, in which what people have named is escaped.
    """
    parts = [f"<div><p><strong>{escape(title)}</strong>{escape(about)}</p><table>"]
    if headers:
        parts.append(f"<thead>{_notebook_row(headers, 'th', 'col')}</thead>")
    parts += ["<tbody>", *(_notebook_row(row, "td", "row") for row in rows), "</tbody></table>"]
    return "".join(parts) + (f"<p><code>{escape(folder)}</code></p>" if folder else "") + "</div>"


def _notebook_row(cells, tag, scope):
    """The first cell is a header, to the left; the others are set to the right."""
    name, *cells = cells
    scope_of_others = f' scope="{scope}"' if tag == "th" else ""
    others = (f'<{tag}{scope_of_others} style="text-align:right">{escape(cell)}</{tag}>' for cell in cells)
    return f'<tr><th scope="{scope}" style="text-align:left">{escape(name)}</th>{"".join(others)}</tr>'
