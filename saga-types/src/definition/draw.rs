//! The expected path for people: as text, and as Mermaid for documents.

use std::fmt::Write;

use super::model::SagaDefinition;

impl SagaDefinition {
    /// The expected path as lines of text: each step with its level, owner and the steps and choices that
    /// come at once before it.
    ///
    /// ```
    /// let definition = saga_types::definition::SagaDefinition::from_yaml("
    /// sagaType: LOAN
    /// startsWith: [ASKED]
    /// forward: [{ step: ASKED, service: loan-service }, { step: LENT }, { step: THANKED, optional: true }]
    /// completesWith: [LENT]
    /// ")?;
    /// assert_eq!(definition.to_text(), "\
    /// ASKED (loan-service)
    ///   LENT, after ASKED
    ///     THANKED, after LENT, optional
    /// ");
    /// # Ok::<(), saga_types::definition::DefinitionError>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = self.forward.iter().enumerate().map(|(number, entry)| {
            let mut line = format!("{}{}", "  ".repeat(self.path.level(number)), entry.step);
            if let Some(service) = &entry.service {
                line += &format!(" ({service})");
            }
            let before: Vec<String> = entry.after.iter().map(ToString::to_string).collect();
            if !before.is_empty() {
                line += &format!(", after {}", before.join(" and "));
            }
            if let Some(choice) = &entry.choice {
                line += &format!(", choice {choice}");
            }
            line + if entry.optional { ", optional\n" } else { "\n" }
        });
        lines.collect()
    }

    /// The expected path as a Mermaid flowchart: optional steps are dashed, steps of a choice are diamonds.
    ///
    /// ```
    /// let definition = saga_types::definition::SagaDefinition::from_yaml("
    /// sagaType: LOAN
    /// startsWith: [ASKED]
    /// forward: [{ step: ASKED, service: loan-service }, { step: LENT }, { step: THANKED, optional: true }]
    /// completesWith: [LENT]
    /// ")?;
    /// assert_eq!(definition.to_mermaid(), "\
    /// flowchart LR
    ///   s0[\"ASKED<br>loan-service\"]
    ///   s1[\"LENT\"]
    ///   s0 --> s1
    ///   s2[\"THANKED\"]
    ///   style s2 stroke-dasharray: 4
    ///   s1 -.-> s2
    /// ");
    /// # Ok::<(), saga_types::definition::DefinitionError>(())
    /// ```
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut chart = "flowchart LR\n".to_owned();
        for number in 0..self.forward.len() {
            // Writing to a text cannot fail.
            let _ = self.write_mermaid(number, &mut chart);
        }
        chart
    }

    fn write_mermaid(&self, number: usize, chart: &mut String) -> std::fmt::Result {
        let entry = &self.forward[number];
        let service = entry
            .service
            .as_deref()
            .map(|service| format!("<br>{}", escaped(service)));
        let label = format!("\"{}{}\"", entry.step, service.unwrap_or_default());
        match entry.choice {
            Some(_) => writeln!(chart, "  s{number}{{{label}}}")?,
            None => writeln!(chart, "  s{number}[{label}]")?,
        }
        if entry.optional {
            writeln!(chart, "  style s{number} stroke-dasharray: 4")?;
        }
        let arrow = if entry.optional { "-.->" } else { "-->" };
        for before in self.path.predecessors(number) {
            writeln!(chart, "  s{before} {arrow} s{number}")?;
        }
        Ok(())
    }
}

/// Names of services are any text; in a label these would end it, or be read as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "#amp;")
        .replace('"', "#quot;")
        .replace('<', "#lt;")
        .replace('>', "#gt;")
}
