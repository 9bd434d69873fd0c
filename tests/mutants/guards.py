"""Each guard of the product: where it stands, what is left when it is taken away, and which tests must miss it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """``text`` stands once in ``file``; with ``without`` in its place, at least one of ``tests`` must turn red."""

    name: str
    file: str
    text: str
    without: str
    tests: tuple[str, ...]


ANSWERS, OUTBOX = "tests/actions/test_answers.py", "tests/actions/test_outbox.py"
WALLS, PROMISES = "tests/actions/test_second_walls.py", "tests/actions/test_promises.py"
LINKS, ACCESS, LOGIN = "tests/web/test_vendor_links.py", "tests/web/test_access.py", "tests/web/test_login.py"
ISOLATION, DISPLAYS = "tests/web/test_isolation.py", "tests/web/test_displays.py"
FIRST, LAST = "tests/faults/test_first_accept_wins.py", "tests/faults/test_last_answer_at_once.py"
MAIL_SERVER = "tests/faults/test_mail_server.py"
KILLED_JOBS = (
    "tests/kills/test_jobs.py"
    "::test_jobs_that_are_killed_at_any_step_lose_nothing_and_repeat_only_what_they_had_not_marked"
)
KILLED_PORTALS = (
    "tests/kills/test_web.py::test_a_portal_that_is_killed_while_it_answers_loses_no_answer_and_does_nothing_by_halves"
)
ROWS = "tests/faults/test_locked_rows.py"
TOKENS = "tests/rules/test_tokens.py"
WINNING_WRITE = f"{WALLS}::test_the_winning_write_itself_asks_for_a_pending_request_before_its_deadline"

GUARDS = (
    # ---- who wins
    Guard(
        "the winning write asks for a pending request",
        "shared/actions/_moves.py",
        "Request.id == request.id, Request.state == RequestState.PENDING, Request.deadline > now",
        "Request.id == request.id, Request.deadline > now",
        (WINNING_WRITE, f"{WALLS}::test_of_twenty_winning_writes_at_once_without_any_lock_one_wins"),
    ),
    Guard(
        "the winning write asks for the time before the deadline",
        "shared/actions/_moves.py",
        "Request.state == RequestState.PENDING, Request.deadline > now)",
        "Request.state == RequestState.PENDING)",
        (WINNING_WRITE,),
    ),
    Guard(
        "whoever answers closes an overdue request first",
        "shared/actions/answers.py",
        "    close_if_due(session, request, now=now)\n",
        "",
        (f"{ANSWERS}::test_an_answer_at_the_deadline_comes_too_late_and_closes_the_request_itself",),
    ),
    Guard(
        "a request can be answered before its deadline only",
        "shared/rules.py",
        "return state is RequestState.PENDING and now < deadline",
        "return state is RequestState.PENDING",
        ("tests/rules/test_invite_case.py",),
    ),
    Guard(
        "a request's row is locked before it moves",
        "shared/actions/_moves.py",
        "        .where(Request.id == request_id)\n        .with_for_update(key_share=True)\n",
        "        .where(Request.id == request_id)\n",
        (
            f"{LAST}::test_a_companys_answer_and_the_bounce_of_its_last_mail_at_once_end_in_one_state",
            f"{LAST}::test_two_expiry_jobs_at_once_tell_the_clinic_once",
        ),
    ),
    Guard(
        "a locked request is read anew",
        "shared/actions/_moves.py",
        "        .where(Request.id == request_id)\n        .with_for_update(key_share=True)\n"
        "        .execution_options(populate_existing=True)\n",
        "        .where(Request.id == request_id)\n        .with_for_update(key_share=True)\n",
        (f"{ROWS}::test_a_request_that_moved_between_a_look_and_its_lock_is_seen_as_it_is_now",),
    ),
    Guard(
        "locked invites are read anew",
        "shared/actions/_moves.py",
        "            .order_by(Invite.id)\n            .with_for_update(key_share=True)\n"
        "            .execution_options(populate_existing=True)\n",
        "            .order_by(Invite.id)\n            .with_for_update(key_share=True)\n",
        (f"{ROWS}::test_an_answer_that_came_between_a_look_and_the_invites_lock_is_seen",),
    ),
    Guard(
        "one accepted invite for each request, by the table itself",
        "shared/migrations/versions/0001_first_tables.py",
        '            "uq_invite_one_accepted",\n            ["request_id"],\n            unique=True,\n',
        '            "uq_invite_one_accepted",\n            ["request_id"],\n            unique=False,\n',
        (f"{WALLS}::test_no_request_can_have_two_accepted_invites",),
    ),
    Guard(
        "SQLite takes the write lock before it reads",
        "shared/db.py",
        "            _begin_in_turn(connection, turn)\n",
        '            connection.exec_driver_sql("BEGIN")\n',
        (f"{FIRST}::test_of_eight_companies_that_wait_for_the_same_row_one_wins",),
    ),
    Guard(
        "those who wait for SQLite's write lock queue, instead of waiting as SQLite does",
        "shared/db.py",
        "            _begin_in_turn(connection, turn)\n",
        '            connection.exec_driver_sql("BEGIN IMMEDIATE")\n',
        ("tests/faults/test_long_queue.py",),
    ),
    Guard(
        "the last decline is recounted and closes the request",
        "shared/actions/answers.py",
        "        close_if_nobody_left(session, request, now=now)\n",
        "",
        (
            "tests/actions/test_closing.py::test_when_the_last_company_declines_the_request_closes_once_and_each_person_gets_one_mail",
        ),
    ),
    # ---- mail
    Guard(
        "a mail under another worker's lease is left alone",
        "shared/actions/deliveries.py",
        "                or_(Mail.lease_until.is_(None), Mail.lease_until <= now),\n",
        "",
        (f"{OUTBOX}::test_the_mail_of_a_worker_that_died_is_taken_over_when_its_lease_ends_and_not_before",),
    ),
    Guard(
        "a lease holds for longer than the worst send",
        "shared/actions/deliveries.py",
        "LEASE = timedelta(minutes=5)",
        "LEASE = timedelta(minutes=1)",
        (
            f"{OUTBOX}::test_a_lease_holds_for_longer_than_the_longest_talk_and_than_the_tries_to_write_down_what_came_of_it",
        ),
    ),
    Guard(
        "workers skip each other's rows",
        "shared/actions/deliveries.py",
        ".with_for_update(skip_locked=True, key_share=True)",
        ".with_for_update(key_share=True)",
        (f"{ROWS}::test_a_worker_takes_the_next_mail_while_another_is_still_writing_that_it_took_the_first",),
    ),
    Guard(
        "only the owner of the lease settles a mail",
        "shared/actions/deliveries.py",
        ", Mail.lease_owner == claimed.owner)",
        ")",
        (f"{OUTBOX}::test_a_worker_that_comes_back_after_its_lease_went_to_another_settles_nothing",),
    ),
    Guard(
        "a settled mail is not settled again",
        "shared/actions/deliveries.py",
        "Mail.id == claimed.id, Mail.state == MailState.QUEUED, ",
        "Mail.id == claimed.id, ",
        (f"{WALLS}::test_a_mail_that_is_settled_is_not_settled_again_even_under_its_own_lease",),
    ),
    Guard(
        "one event queues one mail, by the table itself",
        "shared/migrations/versions/0001_first_tables.py",
        '        sa.UniqueConstraint("dedupe_key", name=op.f("uq_mail_dedupe_key")),\n',
        "",
        (f"{WALLS}::test_the_same_mail_can_not_be_queued_twice",),
    ),
    Guard(
        "a mail keeps its Message-ID from try to try",
        "shared/mails/render.py",
        "{letter.message_id}@",
        "{__import__('secrets').token_hex(16)}@",
        (f"{MAIL_SERVER}::test_a_mail_is_sent_once_refused_or_kept_whatever_the_mail_server_does",),
    ),
    Guard(
        "a mail of a worker that died may have left",
        "shared/actions/deliveries.py",
        "        mail.in_doubt = mail.in_doubt or unheard\n",
        "",
        (f"{OUTBOX}::test_an_invite_that_may_have_left_with_a_dead_worker_is_followed_by_filled_when_it_is_dropped",),
    ),
    Guard(
        "a mail is marked after the mail server took it, not before",
        "shared/sender.py",
        'if stage == "DATA" and code == 250:',
        "if code:",
        (f"{MAIL_SERVER}::test_a_mail_is_sent_once_refused_or_kept_whatever_the_mail_server_does",),
    ),
    Guard(
        "an invite of a closed request does not leave",
        "shared/rules.py",
        "return answer is not None or not can_answer(state, deadline, now=now)",
        "return answer is not None",
        ("tests/rules/test_pointless_mail.py",),
    ),
    Guard(
        "a mail is marked when it has left, not before",
        "shared/sender.py",
        "        reply = submit(host, self._sender, due.letter.recipient, message)\n",
        "        mark_mail_sent(claimed, now=now())\n"
        "        reply = submit(host, self._sender, due.letter.recipient, message)\n",
        (f"{KILLED_JOBS}[sqlite]",),
    ),
    Guard(
        "an action is one transaction",
        "shared/db.py",
        "db.engine.execution_options(write=True)",
        'db.engine.execution_options(write=True, isolation_level="AUTOCOMMIT")',
        (f"{KILLED_PORTALS}[postgresql-vendor]",),
    ),
    # ---- links and pages of companies
    Guard(
        "a link's signature",
        "shared/tokens.py",
        "public_id = self._link_signer(kind).unsign(token).decode()",
        'public_id = token.rpartition(".")[0]',
        (
            f"{TOKENS}::test_the_signature_of_one_link_does_not_fit_another",
            f"{LINKS}::test_a_stolen_database_opens_no_link",
        ),
    ),
    Guard(
        "a link of one kind is none of another",
        "shared/tokens.py",
        'salt=f"link:{kind}"',
        'salt="link"',
        (f"{TOKENS}::test_a_link_of_one_kind_does_not_pass_for_another",),
    ),
    Guard(
        "a link is spelt in one way",
        "shared/tokens.py",
        "        if not _SIGNED.fullmatch(token):\n            return None\n        try:\n            public_id",
        "        try:\n            public_id",
        (TOKENS,),
    ),
    Guard(
        "a page's nonce",
        "vendor_portal/forms.py",
        "        if made_at is None or not nonce_is_fresh(made_at, now=now):\n",
        "        if made_at is not None and not nonce_is_fresh(made_at, now=now):\n",
        (f"{LINKS}::test_a_nonce_of_another_link_does_not_answer",),
    ),
    Guard(
        "a nonce is its link's",
        "shared/tokens.py",
        " or value[0] != link.public_id",
        "",
        (f"{TOKENS}::test_the_nonce_of_one_link_does_not_answer_for_another",),
    ),
    Guard(
        "a page is not answered sooner than a person could",
        "shared/rules.py",
        "return NONCE_YOUNGEST <= now - made_at <= NONCE_OLDEST",
        "return now - made_at <= NONCE_OLDEST",
        (f"{ANSWERS}::test_a_page_answers_only_while_its_nonce_is_fresh",),
    ),
    Guard(
        "a page is not answered after a day",
        "shared/rules.py",
        "return NONCE_YOUNGEST <= now - made_at <= NONCE_OLDEST",
        "return NONCE_YOUNGEST <= now - made_at",
        (f"{ANSWERS}::test_a_page_answers_only_while_its_nonce_is_fresh",),
    ),
    Guard(
        "a name, which a robot leaves empty",
        "vendor_portal/forms.py",
        '            DataRequired("Write your name, so that the clinic knows who answered."),\n',
        "",
        (f"{ANSWERS}::test_without_a_readable_name_nothing_is_answered",),
    ),
    Guard(
        "a link to a removed address is dead",
        "shared/rules.py",
        "    if removed or state in WITHDRAWN_STATES:\n",
        "    if state in WITHDRAWN_STATES:\n",
        (
            "tests/actions/test_administration_companies.py::test_a_removed_address_learns_nothing_of_the_meeting_and_its_link_is_dead",
        ),
    ),
    Guard(
        "whoever declined can't answer again",
        "shared/rules.py",
        "    return InviteCase.DECLINED if answer is Answer.DECLINED else InviteCase.OPEN\n",
        "    return InviteCase.OPEN\n",
        (f"{ANSWERS}::test_declining_twice_is_one_decline_and_can_not_be_taken_back",),
    ),
    # ---- clinics and people
    Guard(
        "a clinic sees its own visits",
        "shared/queries/cards.py",
        "mine: tuple[ColumnElement[bool], ...] = (Visit.clinic_id == scope.clinic_id,)",
        "mine: tuple[ColumnElement[bool], ...] = ()",
        (f"{ACCESS}::test_nothing_of_another_clinic_is_on_any_list",),
    ),
    Guard(
        "a clinic changes its own visits",
        "shared/changes/family.py",
        "Visit.id == visit_id, Visit.clinic_id == scope.clinic_id",
        "Visit.id == visit_id",
        ("tests/actions/test_edit_refused.py::test_another_clinics_ids_are_not_found_and_change_nothing",),
    ),
    Guard(
        "a provider sees own visits",
        "shared/queries/cards.py",
        "return mine if scope.provider_id is None else (*mine, Visit.provider_id == scope.provider_id)",
        "return mine",
        (f"{ACCESS}::test_a_provider_sees_own_visits_only_everywhere",),
    ),
    Guard(
        "a provider changes own visits",
        "shared/changes/family.py",
        "    if scope.provider_id is not None:\n        found = found.where(Visit.provider_id == scope.provider_id)\n",
        "",
        ("tests/actions/test_edit_refused.py::test_a_provider_changes_own_visits_only_and_staff_change_none",),
    ),
    Guard(
        "a provider changes own visits of a series",
        "shared/changes/family.py",
        "return self.scope.provider_id is None or visit.provider_id == self.scope.provider_id",
        "return True",
        (
            "tests/actions/test_series_changes.py::test_a_provider_changes_the_visits_that_are_its_own_and_leaves_the_others",
        ),
    ),
    Guard(
        "a role calls what its row allows",
        "portal/access.py",
        "if person.scope.role not in ACCESS.get(endpoint, frozenset()):",
        "if endpoint not in ACCESS:",
        (f"{ISOLATION}::test_whatever_is_refused_changes_nothing_and_shows_nothing_of_others",),
    ),
    Guard(
        "nothing without a login",
        "portal/access.py",
        "        if not signed_in:\n"
        '            return forget_pages(_to_login(endpoint)) if "_user_id" in session else _to_login(endpoint)\n',
        "        if not signed_in:\n            return None\n",
        (f"{ACCESS}::test_a_stranger_is_sent_to_the_login_from_every_guarded_page_and_back_afterwards",),
    ),
    Guard(
        "staff books nothing, past the portal's door either",
        "shared/actions/visits.py",
        "    if not scope.may_book:\n",
        "    if False:\n",
        ("tests/actions/test_confirm.py::test_somebody_who_may_only_look_can_not_confirm_even_past_the_portals_door",),
    ),
    Guard(
        "a form's CSRF token",
        "portal/auth.py",
        "    csrf.init_app(app)\n",
        '    csrf.init_app(app)\n    app.config["WTF_CSRF_ENABLED"] = False\n',
        (f"{LOGIN}::test_a_form_without_its_token_is_refused_with_a_clear_page",),
    ),
    Guard(
        "an ended login",
        "shared/queries/sessions.py",
        "        UserSession.ended_at.is_(None),\n",
        "",
        (f"{LOGIN}::test_a_logout_ends_the_session_on_the_server",),
    ),
    Guard(
        "an idle login ends",
        "shared/queries/sessions.py",
        "        UserSession.last_seen_at > now - idle,\n",
        "",
        (f"{LOGIN}::test_an_idle_login_ends_after_fifteen_minutes",),
    ),
    Guard(
        "an old login ends",
        "shared/queries/sessions.py",
        "        UserSession.created_at > now - absolute,\n",
        "",
        (f"{LOGIN}::test_a_login_ends_after_twelve_hours_however_busy",),
    ),
    Guard(
        "a login checked before the password changed opens nothing after it",
        "shared/actions/sessions.py",
        ".where(User.id == seen.id, User.active, User.password_hash == seen.password_hash)",
        ".where(User.id == seen.id, User.active)",
        ("tests/actions/test_passwords.py::test_a_login_that_began_before_the_password_was_set_does_not_outlive_it",),
    ),
    Guard(
        "a clinic finds its own patients",
        "shared/queries/patients.py",
        "Visit.clinic_id == scope.clinic_id, Visit.patient_removed_at.is_(None)",
        "Visit.patient_removed_at.is_(None)",
        ("tests/actions/test_patients.py::test_another_clinics_patients_are_neither_found_nor_shown_nor_erased",),
    ),
    Guard(
        "a display that was switched off",
        "shared/queries/displays.py",
        "Display.code_hash == hash_token(code), Display.revoked_at.is_(None)",
        "Display.code_hash == hash_token(code)",
        (f"{DISPLAYS}::test_a_screen_that_is_switched_off_says_so_at_once_and_for_good",),
    ),
    Guard(
        "a code of the second factor works once",
        "shared/factors.py",
        "hmac.compare_digest(app.generate_otp(step), code) and step > used",
        "hmac.compare_digest(app.generate_otp(step), code)",
        ("tests/actions/test_second_factor.py::test_a_code_works_once_in_whichever_browser",),
    ),
    Guard(
        "tries have an end",
        "shared/rules.py",
        "return max(now, bucket_level(empty_at, limit, now=now) + limit.cost - limit.room)",
        "return now",
        ("tests/actions/test_throttle.py::test_five_wrong_passwords_go_at_once_and_then_one_each_three_minutes",),
    ),
    Guard(
        "the secret of the meeting server",
        "vendor_portal/meet.py",
        "if not hmac.compare_digest(given, settings.conference_mapper_secret.encode()):",
        "if not given:",
        ("tests/web/test_wrong_links.py::test_a_flood_of_wrong_secrets_is_slowed_and_the_meeting_server_is_not",),
    ),
    # ---- previews
    Guard(
        "a preview of a visit confirms what it showed",
        "shared/actions/visits.py",
        "if earlier is not None or preview.digest != draft.digest():",
        "if earlier is not None:",
        ("tests/actions/test_confirm.py::test_a_preview_confirms_only_what_it_showed",),
    ),
    Guard(
        "a preview of a change confirms what it showed",
        "shared/actions/changes.py",
        "    if known or promise.digest != wish.digest():\n",
        "    if known:\n",
        (f"{PROMISES}::test_a_key_confirms_one_content_only",),
    ),
    Guard(
        "a preview works once",
        "shared/actions/changes.py",
        "    if known or promise.digest != wish.digest():\n",
        "    if promise.digest != wish.digest():\n",
        (f"{PROMISES}::test_a_key_confirms_one_content_only",),
    ),
    Guard(
        "a preview is its user's",
        "portal/visits.py",
        "    if not isinstance(value, list) or value[0] != viewer().scope.user_id:\n",
        "    if not isinstance(value, list):\n",
        ("tests/web/test_create.py::test_a_preview_is_its_users_alone",),
    ),
    Guard(
        "somebody else's change is shown first",
        "shared/actions/changes.py",
        "    if plan.stale or any(seen.get(visit_id, version) != version for visit_id, version in plan.versions):\n"
        "        return ChangeOutcome.STALE\n",
        "",
        (f"{PROMISES}::test_a_form_that_was_opened_before_somebody_elses_change_shows_both_versions",),
    ),
    Guard(
        "a company that accepted meanwhile is shown first",
        "shared/actions/changes.py",
        "    if not set(plan.winner_ids) <= set(promise.winner_ids):\n        return ChangeOutcome.WON_MEANWHILE\n",
        "",
        (
            "tests/web/test_conflict_pages.py::test_an_acceptance_before_confirm_names_the_winner_and_lets_one_go_on_or_stop",
        ),
    ),
    Guard(
        "other companies to ask are previewed again",
        "shared/actions/visits.py",
        "if plan.errors or _is_other(plan, preview):",
        "if plan.errors:",
        ("tests/actions/test_confirm.py::test_when_a_group_changed_since_the_preview_it_previews_again",),
    ),
    Guard(
        "the clinic's row is locked by whoever confirms",
        "shared/actions/_booking.py",
        "        .where(Clinic.id == clinic_id)\n        .with_for_update(key_share=True)\n",
        "        .where(Clinic.id == clinic_id)\n",
        (f"{LAST}::test_eight_confirms_of_one_preview_at_once_make_one_visit",),
    ),
    # ---- the trail
    Guard(
        "no line of the trail is changed",
        "shared/migrations/versions/0003_trail_and_search.py",
        "    _make_append_only()\n    op.add_column",
        "    op.add_column",
        ("tests/actions/test_append_only.py::test_no_object_changes_or_removes_a_line",),
    ),
)
