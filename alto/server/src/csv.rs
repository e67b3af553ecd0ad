//! The lines of CSV files. Nothing is guessed and nothing left out: what cannot be read is a fault
//! with file and line.

use std::fmt;

use alto_messages::{CostMetric, PidName, parse_prefix};
use ipnet::IpNet;

/// A file's text, and the name by which faults call it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// The file's name.
    pub name: &'a str,
    /// What is in it: a header, then one entry a line; white space around fields and empty lines
    /// mean nothing.
    pub csv: &'a str,
}

/// Why a file makes no map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadFault {
    /// The file's name.
    pub file: String,
    /// Which line is at fault, from 1 on; `None` if the file as a whole is.
    pub line: Option<usize>,
    /// What is wrong.
    pub sentence: String,
}

impl LoadFault {
    pub(crate) fn of_file(file: &str, sentence: &dyn fmt::Display) -> Self {
        Self { file: file.into(), line: None, sentence: sentence.to_string() }
    }

    pub(crate) fn of_line(file: &str, line: usize, sentence: &dyn fmt::Display) -> Self {
        Self { line: Some(line), ..Self::of_file(file, sentence) }
    }
}

impl fmt::Display for LoadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.sentence),
            None => write!(f, "{}: {}", self.file, self.sentence),
        }
    }
}

impl std::error::Error for LoadFault {}

/// A prefix, its PID's name, and the line.
pub(crate) type PrefixLine<'a> = (IpNet, &'a str, usize);

/// A cost from one PID to another, and the line.
pub(crate) type CostLine<'a> = (&'a str, &'a str, f64, usize);

/// The entries of a network map, in the order of the file.
pub(crate) fn prefixes(text: Text<'_>) -> Result<Vec<PrefixLine<'_>>, LoadFault> {
    rows(text, ["prefix", "pid"])?
        .map(|row| {
            let (line, [prefix, pid]) = row?;
            let net = parse_prefix(prefix).map_err(|fault| text.fault(line, &fault))?;
            Ok((net, text.pid(line, pid)?, line))
        })
        .collect()
}

/// The entries of a cost map, in the order of the file.
pub(crate) fn costs<'a>(
    text: Text<'a>,
    metric: &CostMetric,
) -> Result<Vec<CostLine<'a>>, LoadFault> {
    rows(text, ["src", "dst", "cost"])?
        .map(|row| {
            let (line, [source, destination, cost]) = row?;
            let cost = parse_cost(cost, metric).map_err(|fault| text.fault(line, &fault))?;
            Ok((text.pid(line, source)?, text.pid(line, destination)?, cost, line))
        })
        .collect()
}

/// A finite number; `routingcost` is never negative.
fn parse_cost(text: &str, metric: &CostMetric) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(cost) if !cost.is_finite() => Err(format!("`{text}` is no finite number")),
        Ok(cost) if cost < 0.0 && metric.as_str() == CostMetric::ROUTINGCOST => {
            Err(format!("`{text}` is no routingcost: it is negative"))
        }
        Ok(cost) => Ok(cost),
        Err(_) => Err(format!("`{}` is no number", shown(text))),
    }
}

impl<'a> Text<'a> {
    pub(crate) fn fault(self, line: usize, sentence: &dyn fmt::Display) -> LoadFault {
        LoadFault::of_line(self.name, line, sentence)
    }

    fn pid(self, line: usize, name: &'a str) -> Result<&'a str, LoadFault> {
        name.parse::<PidName>().map_err(|fault| self.fault(line, &fault))?;
        Ok(name)
    }
}

/// One line's number and fields.
type Row<'a, const N: usize> = Result<(usize, [&'a str; N]), LoadFault>;

/// The rows below the header, which must be this one.
fn rows<'a, const N: usize>(
    text: Text<'a>,
    header: [&'static str; N],
) -> Result<impl Iterator<Item = Row<'a, N>>, LoadFault> {
    let content = text.csv.strip_prefix('\u{feff}').unwrap_or(text.csv);
    let numbered = (1..).zip(content.lines().map(str::trim));
    let mut lines = numbered.filter(|(_, line)| !line.is_empty());
    let wanted = header.join(",");
    match lines.next() {
        Some((line, found)) if fields(found) != Some(header) => {
            let found = shown(found);
            return Err(text.fault(line, &format!("the header is `{found}`, not `{wanted}`")));
        }
        None => return Err(LoadFault::of_file(text.name, &format!("no header `{wanted}`"))),
        Some(_) => {}
    }
    Ok(lines.map(move |(line, found)| {
        let refuse = || text.fault(line, &format!("`{}` is not `{wanted}`", shown(found)));
        Ok((line, fields(found).ok_or_else(refuse)?))
    }))
}

/// The fields between commas, if there are exactly that many.
fn fields<const N: usize>(line: &str) -> Option<[&str; N]> {
    let mut fields = [""; N];
    let mut found = line.split(',').map(str::trim);
    for field in &mut fields {
        *field = found.next()?;
    }
    found.next().is_none().then_some(fields)
}

/// The start of a line, fit for a message.
fn shown(text: &str) -> String {
    const MOST: usize = 80;
    text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(csv: &str) -> Text<'_> {
        Text { name: "map.csv", csv }
    }

    /// White space, empty lines, carriage returns and a byte order mark mean nothing.
    #[test]
    fn entries_in_the_order_of_the_file() {
        let csv = "\u{feff}prefix,pid\r\n\n 192.0.2.0/24 , PID1\r\n2001:db8::/32,PID2\n192.0.2.9,p";
        let read = prefixes(text(csv)).unwrap();
        let net = |text: &str| text.parse::<IpNet>().unwrap();
        let expected = [
            (net("192.0.2.0/24"), "PID1", 3),
            (net("2001:db8::/32"), "PID2", 4),
            (net("192.0.2.9/32"), "p", 5),
        ];
        assert_eq!(read, expected);
        let read = costs(text("src, dst, cost\na,b,1.5e2\n"), &CostMetric::routingcost()).unwrap();
        assert_eq!(read, [("a", "b", 150.0, 2)]);
    }

    /// Each fault names the line and what is wrong with it.
    #[test]
    fn faults_name_the_line() {
        for (csv, expected) in [
            ("", "map.csv: no header `prefix,pid`"),
            ("\n\npid,prefix\n", "map.csv:3: the header is `pid,prefix`, not `prefix,pid`"),
            ("prefix,pid\n10.0.0.0/8\n", "map.csv:2: `10.0.0.0/8` is not `prefix,pid`"),
            ("prefix,pid\n10.0.0.0/8,a,b\n", "map.csv:2: `10.0.0.0/8,a,b` is not `prefix,pid`"),
            ("prefix,pid\n\n10.0.0.0/33,a\n", "map.csv:3: `10.0.0.0/33` is no prefix"),
            ("prefix,pid\n# note,a\n", "map.csv:2: `# note` is no prefix"),
            (
                "prefix,pid\n::ffff:192.0.2.0/120,a\n",
                "map.csv:2: `::ffff:192.0.2.0/120` is IPv4-mapped; 192.0.2.0/24?",
            ),
        ] {
            assert_eq!(prefixes(text(csv)).unwrap_err().to_string(), expected);
        }
        let host_bits = prefixes(text("prefix,pid\n10.0.0.1/8,a")).unwrap_err();
        assert!(host_bits.to_string().starts_with("map.csv:2: `10.0.0.1/8` has bits set"));
        let name = prefixes(text("prefix,pid\n10.0.0.0/8,a b")).unwrap_err();
        assert!(name.to_string().starts_with("map.csv:2: `a b` is no PID name"), "{name}");
    }

    /// Only finite numbers are costs, and only some metrics may be negative.
    #[test]
    fn costs_are_finite_numbers() {
        let routingcost = CostMetric::routingcost();
        for (cost, expected) in [
            ("NaN", "`NaN` is no finite number"),
            ("1e999", "`1e999` is no finite number"),
            ("", "`` is no number"),
            ("ten", "`ten` is no number"),
            ("-1", "`-1` is no routingcost: it is negative"),
        ] {
            let csv = format!("src,dst,cost\na,b,{cost}\n");
            let fault = costs(text(&csv), &routingcost).unwrap_err();
            assert_eq!(fault.to_string(), format!("map.csv:2: {expected}"));
        }
        let gain = "priv:gain".parse().unwrap();
        assert!(costs(text("src,dst,cost\na,b,-1\n"), &gain).is_ok());
    }
}
