//! Tables that fit the terminal.

use comfy_table::{
    Attribute, Cell, ColumnConstraint, ContentArrangement, LineStyle, Row, Table, TableStyle,
};
use serde_json::Value;

use super::column::Column;

/// A header, a rule, and a line for each thing. On a terminal that is too narrow, columns that are not there to be copied
/// are cut off.
pub fn render(items: &[Value], columns: &[Column], color: bool, is_terminal: bool) -> String {
    let mut table = Table::new();
    if !is_terminal {
        table.force_no_tty();
    }
    if color {
        table.enforce_styling();
    }
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(columns.iter().map(|column| {
            let cell = Cell::new(column.title);
            if color {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
    for item in items {
        let mut row = Row::from(
            columns
                .iter()
                .map(|column| column.cell(item))
                .collect::<Vec<_>>(),
        );
        row.max_height(1);
        table.add_row(row);
    }
    for (shown, column) in table.column_iter_mut().zip(columns) {
        shown.set_padding((0, 2));
        if column.whole {
            shown.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut out = String::new();
    for line in table.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// One thing: a line for each field that has something in it.
pub fn fields(item: &Value, fields: &[Column], color: bool) -> String {
    let width = fields
        .iter()
        .map(|field| field.title.chars().count())
        .max()
        .unwrap_or(0);
    let mut out = String::new();
    for field in fields {
        let cell = field.cell(item);
        if cell.is_empty() {
            continue;
        }
        let pad = " ".repeat(width.saturating_sub(field.title.chars().count()));
        let title = format!("{}:{pad}", field.title);
        if color {
            out.push_str(&format!("\u{1b}[1m{title}\u{1b}[0m {cell}\n"));
        } else {
            out.push_str(&format!("{title} {cell}\n"));
        }
    }
    out
}
