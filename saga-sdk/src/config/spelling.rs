//! Names that are nearly right: of keys, variables and profiles.

/// The most letters that differ between a name and what was meant.
const MAX_DISTANCE: usize = 2;

/// The candidate that a name was probably meant to be; none when it is one, or like none.
pub(super) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let with_distance = candidates.into_iter().map(|it| (distance(name, it), it));
    let (distance, nearest) = with_distance.min_by_key(|(distance, _)| *distance)?;
    // Of a short name, two letters are too much of it.
    let max = MAX_DISTANCE.min(nearest.len() / 3);
    (distance > 0 && distance <= max).then_some(nearest)
}

/// A word as every style spells it: `bootstrapServers`, `bootstrap-servers` and `BOOTSTRAP_SERVERS` are the same.
pub(super) fn folded(name: &str) -> String {
    let letters = name.chars().filter(|letter| !matches!(letter, '-' | '_'));
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Letters that are added, left out, replaced, or exchanged with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<_>>()];
    for (row, letter) in one.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, counterpart) in other.iter().enumerate() {
            let replaced = rows[row][column] + usize::from(letter != counterpart);
            let mut best = replaced.min(rows[row][column + 1] + 1).min(next[column] + 1);
            let is_exchanged =
                row > 0 && column > 0 && one[row - 1] == *counterpart && *letter == other[column - 1];
            if is_exchanged {
                best = best.min(rows[row - 1][column - 1] + 1);
            }
            next.push(best);
        }
        rows.push(next);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_one_is_not() {
        assert_eq!(nearest("pord", ["dev", "staging", "prod"]), Some("prod"));
        assert_eq!(nearest("platfrom", ["platform"]), Some("platform"));
        let variables = ["PLATFORM_SAGA_ENABLED", "PLATFORM_SAGA_TOPIC"];
        assert_eq!(
            nearest("PLATFORM_SAGA_ENABLE", variables),
            Some("PLATFORM_SAGA_ENABLED")
        );
        assert_eq!(nearest("prod", ["dev", "prod"]), None);
        assert_eq!(nearest("local", ["dev", "prod"]), None);
        assert_eq!(nearest("PATH", variables), None);
    }
}
