//! What domain managers can do, judged with their logins.

use jiff::SignedDuration;
use reeve_check::Verdict;
use reeve_openstack::fake::FakeCloud;

use crate::bench::{Bench, of};

const ALL: [&str; 5] = [
    "scsx-0302-domain-scope",
    "scsx-0302-escalation",
    "scsx-0302-groups",
    "scsx-0302-projects",
    "scsx-0302-users",
];

#[tokio::test]
async fn a_good_cloud_passes_with_one_manager_and_with_two() {
    for managers in [&["one"][..], &["two"], &["one", "two"], &["two", "one"]] {
        let bench = Bench::new().await;
        let before = bench.things();
        let run = bench.run_with(managers, &ALL).await;
        for case in &run.cases {
            assert_eq!(case.verdict, Some(Verdict::Pass), "{managers:?}: {case:#?}");
        }
        assert_eq!(run.made, 3 * managers.len());
        assert!(run.left_behind.is_empty(), "{:#?}", run.left_behind);
        assert_eq!(bench.things(), before);
        assert!(bench.cloud.state().held.is_empty() && bench.ledgers().is_empty());
    }
}

#[tokio::test]
async fn without_the_login_of_a_manager_nothing_is_judged() {
    type Change = fn(&FakeCloud);
    let cases: [(&[&str], Change, &str); 5] = [
        (&[], |_| {}, "no login of a domain manager was given"),
        (&["one", "one"], |_| {}, "for the same domain"),
        (
            &["one"],
            |cloud| cloud.state().manager_roles = vec!["member".to_owned()],
            "does not have the role `manager`",
        ),
        (
            &["one"],
            |cloud| cloud.state().manager_roles.push("admin".to_owned()),
            "has the role `admin`",
        ),
        (
            &["one"],
            |cloud| {
                let fault = reeve_openstack::fake::Fault::status("GET /identity/v3/roles", u32::MAX, 500);
                cloud.fault(fault);
            },
            "500",
        ),
    ];
    for (managers, change, words) in cases {
        let bench = Bench::new().await;
        change(&bench.cloud);
        let before = bench.things();
        let run = bench.run_with(managers, &ALL).await;
        for case in &run.cases {
            let cause = case.cause.as_deref().unwrap_or_default();
            assert!(
                case.verdict == Some(Verdict::Abort) && cause.contains(words),
                "{words}: {case:#?}"
            );
        }
        assert_eq!((bench.things(), run.left_behind.len()), (before, 0));
    }
}

/// What Keystone allows or refuses against the standard, the check that says so, and its words.
#[tokio::test]
async fn what_is_broken_is_found() {
    let cases: &[(&str, bool, &str, &str)] = &[
        (
            "create_user",
            false,
            "scsx-0302-users",
            "cannot make a user in its domain",
        ),
        (
            "update_user",
            false,
            "scsx-0302-users",
            "cannot change a user of its domain",
        ),
        ("update_is_lost", true, "scsx-0302-users", "the user is as it was"),
        (
            "delete_user",
            false,
            "scsx-0302-users",
            "cannot delete a user of its domain",
        ),
        (
            "list_users",
            false,
            "scsx-0302-users",
            "cannot list the users of its domain",
        ),
        ("list_roles", false, "scsx-0302-users", "cannot find the role `member`"),
        (
            "create_grant",
            false,
            "scsx-0302-users",
            "cannot give a user on the domain the role `member`",
        ),
        (
            "grant_is_lost",
            true,
            "scsx-0302-users",
            "the role is not there afterwards",
        ),
        (
            "create_user:foreign",
            true,
            "scsx-0302-users",
            "can make a user in another domain",
        ),
        (
            "get_user:foreign",
            true,
            "scsx-0302-users",
            "can look at a user of another domain",
        ),
        (
            "update_user:foreign",
            true,
            "scsx-0302-users",
            "can change a user of another domain",
        ),
        (
            "delete_user:foreign",
            true,
            "scsx-0302-users",
            "can delete a user of another domain",
        ),
        (
            "create_project",
            false,
            "scsx-0302-projects",
            "cannot make a project in its domain",
        ),
        (
            "create_grant",
            false,
            "scsx-0302-projects",
            "cannot give a user the role `member` on a project",
        ),
        (
            "list_projects_of_user",
            false,
            "scsx-0302-projects",
            "cannot list the projects of a user",
        ),
        (
            "create_project:foreign",
            true,
            "scsx-0302-projects",
            "can make a project in another domain",
        ),
        (
            "create_group",
            false,
            "scsx-0302-groups",
            "cannot make a group in its domain",
        ),
        (
            "add_user_to_group",
            false,
            "scsx-0302-groups",
            "cannot put a user into a group",
        ),
        (
            "remove_user_from_group",
            false,
            "scsx-0302-groups",
            "cannot take a user out of a group",
        ),
        (
            "create_group:foreign",
            true,
            "scsx-0302-groups",
            "can make a group in another domain",
        ),
        (
            "create_grant:admin",
            true,
            "scsx-0302-escalation",
            "can give a group the role `admin` on a project",
        ),
        ("create_role", true, "scsx-0302-escalation", "can make a role"),
        (
            "update_role",
            true,
            "scsx-0302-escalation",
            "can change the role `member`",
        ),
        (
            "create_grant:foreign",
            true,
            "scsx-0302-escalation",
            "can give a user the role `member` on another domain",
        ),
        (
            "list_domains:foreign",
            true,
            "scsx-0302-domain-scope",
            "its list of domains has 1 others: two",
        ),
        (
            "get_domain:foreign",
            true,
            "scsx-0302-domain-scope",
            "can look at another domain",
        ),
        (
            "list_users:foreign",
            true,
            "scsx-0302-domain-scope",
            "can list the users of another domain",
        ),
        (
            "list_projects:foreign",
            true,
            "scsx-0302-domain-scope",
            "can list the projects of another domain",
        ),
    ];
    for (action, allowed, id, words) in cases {
        let bench = Bench::new().await;
        {
            let mut state = bench.cloud.state();
            state.manager_policy.insert((*action).to_owned(), *allowed);
            // Whoever can make something can delete it.
            if *action == "create_role" {
                state.manager_policy.insert("delete_role".to_owned(), true);
            }
            if action.starts_with("create_") && action.ends_with(":foreign") {
                state.manager_policy.insert(action.replace("create", "delete"), true);
            }
        }
        let before = bench.things();
        let run = bench.run_with(&["one", "two"], &ALL).await;
        let case = of(&run, id);
        assert_eq!(case.verdict, Some(Verdict::Fail), "{action}: {case:#?}");
        let said = format!("{:?}", case.findings);
        assert!(said.contains(words), "{action} does not say `{words}`: {said}");
        for other in run.cases.iter().filter(|other| other.id != *id) {
            assert_ne!(other.verdict, Some(Verdict::Abort), "{action}: {other:#?}");
        }
        if *action == "delete_user" {
            // Nobody but an administrator can delete it; it is told, and goes when it can.
            assert_eq!(
                (run.left_behind.len(), bench.ledgers().len()),
                (2, 2),
                "{:#?}",
                run.left_behind
            );
            assert!(
                run.left_behind[0].remedy.contains("--cloud one-manager"),
                "{:#?}",
                run.left_behind
            );
            bench.cloud.state().manager_policy.clear();
            for domain in ["one", "two"] {
                let outcome = bench
                    .cleanup_by(&bench.manager(domain), SignedDuration::from_hours(2))
                    .await;
                assert_eq!((outcome.left.len(), outcome.deleted.len()), (0, 1), "{outcome:#?}");
            }
        } else {
            assert!(run.left_behind.is_empty(), "{action}: {:#?}", run.left_behind);
        }
        assert_eq!(bench.things(), before, "{action}");
        assert!(bench.ledgers().is_empty(), "{action}");
    }
}

/// The process dies at every request in turn; cleaning up with the login of the manager brings the domain back to what it was.
#[tokio::test]
async fn whoever_is_killed_leaves_nothing_in_a_domain_after_a_cleanup() {
    let bench = Bench::new().await;
    let before = bench.things();
    bench.cloud.state().requests.clear();
    bench.run_with(&["one"], &ALL).await;
    let all = bench.cloud.state().requests.len();
    assert!(all > 60, "{all} requests");
    let mut left_something = 0;
    for at in 1..=all {
        let was_cut = bench.cloud.state().die_at(at, at % 2 == 0);
        tokio::select! {
            _ = bench.run_with(&["one"], &ALL) => {}
            () = was_cut.notified() => {}
        }
        bench.cloud.state().cut = None;
        left_something += usize::from(bench.things() != before);
        // The login of the run itself is for a project; it lets the domain alone and says which login is not for it.
        let outcome = bench.cleanup().await;
        assert!(
            outcome
                .skipped
                .iter()
                .all(|(_, why)| why.contains("--cloud one-manager")),
            "{outcome:#?}"
        );
        let outcome = bench
            .cleanup_by(&bench.manager("one"), SignedDuration::from_hours(2))
            .await;
        assert_eq!(
            (&outcome.left, &outcome.unreadable),
            (&Vec::new(), &Vec::new()),
            "killed at {at}"
        );
        assert_eq!(bench.things(), before, "killed at request {at} of {all}");
        assert!(bench.ledgers().is_empty(), "killed at {at}");
        bench.cloud.state().held.clear();
    }
    assert!(
        left_something > all / 4,
        "only {left_something} of {all} kills left something to clean up"
    );
}
