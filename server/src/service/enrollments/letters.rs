//! What is written to humans about agents that ask to be let in. Names and descriptions are a stranger's words: they are
//! shortened, and marked as such.

use oneclaw_store::{Agent, Enrollment, User};

use super::super::mail::Letter;
use super::super::time;

/// Longest name in a mail, in characters.
const NAME_CHARACTERS: usize = 80;
/// Longest description in a mail, in characters.
const DESCRIPTION_CHARACTERS: usize = 500;

pub(super) fn asks_to_be_let_in(user: &User, enrollment: &Enrollment, url: &str) -> Letter {
    let name = one_line(&enrollment.name, NAME_CHARACTERS);
    let text = format!(
        "An agent asks to be let into your organisation.\n\
         \n\
         Name: {name}\n\
         It says about itself:\n\
         {}\n\
         Asked from {} at {}.\n\
         \n\
         Allow: {url}\n\
         Deny:  {url}?deny\n\
         \n\
         You will be asked to sign in. An agent that is let in can do nothing before somebody grants it something.\n\
         If you do not know this agent, deny it or do nothing: the question ends at {}.\n",
        quoted(&enrollment.description),
        enrollment.client,
        time::format(enrollment.created_at),
        time::format(enrollment.expires_at),
    );
    Letter {
        to: user.email.clone(),
        subject: format!("Let the agent \"{name}\" in?"),
        text: text.into(),
    }
}

pub(super) fn was_let_in(user: &User, enrollment: &Enrollment, agent: &Agent, key: &str) -> Letter {
    let name = one_line(&enrollment.name, NAME_CHARACTERS);
    let text = format!(
        "An agent named your address and is now part of your organisation.\n\
         \n\
         Name: {name}\n\
         It says about itself:\n\
         {}\n\
         Asked from {} at {}.\n\
         \n\
         Agent id: {}\n\
         Key: {key}\n\
         \n\
         Hand the key to the agent; it is shown nowhere else. The agent can do nothing before somebody grants it something.\n\
         If you do not know this agent, delete it.\n",
        quoted(&enrollment.description),
        enrollment.client,
        time::format(enrollment.created_at),
        agent.id,
    );
    Letter {
        to: user.email.clone(),
        subject: format!("The agent \"{name}\" was let in"),
        text: text.into(),
    }
}

/// The beginning of a text, without line ends and other control characters.
fn one_line(text: &str, most: usize) -> String {
    let mut line: String = text
        .chars()
        .take(most)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() > most {
        line.push('…');
    }
    line
}

/// Each line behind a mark, so that a stranger's words cannot pass for ours.
fn quoted(text: &str) -> String {
    if text.trim().is_empty() {
        return "> (nothing)".to_owned();
    }
    let short: String = text.chars().take(DESCRIPTION_CHARACTERS).collect();
    let lines: Vec<String> = short
        .lines()
        .map(|line| format!("> {}", one_line(line, DESCRIPTION_CHARACTERS)))
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_words_are_marked_and_bounded() {
        assert_eq!(quoted("a\nAllow: http://x\r\n"), "> a\n> Allow: http://x");
        assert_eq!(quoted(" "), "> (nothing)");
        assert_eq!(one_line("a\r\nb", 10), "a  b");
        assert_eq!(one_line("abcdef", 3), "abc…");
        assert!(quoted(&"x\u{2028}y\n".repeat(1000)).chars().count() < 1200);
    }
}
