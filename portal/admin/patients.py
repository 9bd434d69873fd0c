"""One patient's data: find the visits, see and take along what is held about them, erase it.

Names and contacts are only ever posted: no address holds one, so no log, referrer or history does.
"""

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from portal.access import viewer
from portal.admin.patient_file import file_of
from portal.admin.patient_form import PatientForm, chosen
from portal.fields import clean_text, id_of
from shared import times
from shared.actions import erase_patient, note_patient_export
from shared.erasure import ErasurePlan
from shared.queries import erasure_plan, find_patients, held_data
from shared.web import page, request_now, services

bp = Blueprint("patients", __name__, url_prefix="/admin/patients")

NOTHING_CHOSEN = "Tick the visits that are this person's."
MEANWHILE = "Something changed since this page was shown. Nothing is erased yet. Look at it again."
NOT_TYPED = "This is not what has to be typed. Nothing is erased yet."


@bp.get("")
def show() -> Response:
    """The empty form; after an erasure, how many visits it was for."""
    erased = request.args.get("erased", "")
    form = PatientForm(formdata=None)
    return page("admin/patients/find.html", form=form, found=None, is_done=bool(erased), erased=id_of(erased))


@bp.post("")
def find() -> Response:
    """The visits that may be this person's. Those of a name and contact are ticked at once by a button of theirs."""
    return _found(PatientForm(), chosen(request.form.getlist("visit")))


@bp.post("/held")
def held() -> Response:
    """Everything that is held about the patient of the chosen visits, to read."""
    ids = chosen(request.form.getlist("visit"))
    if not ids:
        return _found(PatientForm(), ids, problem=NOTHING_CHOSEN)
    return page("admin/patients/held.html", held=held_data(viewer().scope, ids), carried=_carried(), now=request_now())


@bp.post("/file")
def download() -> Response:
    """The same as a file. That it was taken is a line of the trail."""
    ids, person = chosen(request.form.getlist("visit")), viewer()
    if not ids:
        return _found(PatientForm(), ids, problem=NOTHING_CHOSEN)
    note_patient_export(person.scope, ids, now=request_now())
    text = file_of(held_data(person.scope, ids), made_by=person.name, now=request_now())
    response = Response(text, content_type="application/json; charset=utf-8")
    name = f"patient-data-{times.day_of(request_now(), person.time_zone)}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@bp.post("/erase")
def preview() -> Response:
    """What an erasure would erase, and what stays."""
    ids = chosen(request.form.getlist("visit"))
    if not ids:
        return _found(PatientForm(), ids, problem=NOTHING_CHOSEN)
    return _preview(ids)


@bp.post("/erase/question")
def question() -> Response:
    """The last question, if things still are as the preview showed them."""
    ids, promised = _read_promise()
    plan = erasure_plan(viewer().scope, ids, now=request_now())
    return _question(plan) if _holds(plan, promised) else _preview(ids, notice=MEANWHILE)


@bp.post("/erase/confirm")
def erase() -> Response:
    """Erase, if the words were typed and things still are as the preview showed them."""
    ids, promised = _read_promise()
    plan = erasure_plan(viewer().scope, ids, now=request_now())
    typed = (clean_text(request.form.get("typed", "")) or "").casefold()
    if _holds(plan, promised) and typed != words_for(plan):
        return _question(plan, problem=NOT_TYPED)
    done = erase_patient(viewer().scope, ids, promised=promised, now=request_now())
    if done is None:
        return _preview(ids, notice=MEANWHILE)
    return redirect(url_for(".show", erased=len(done.erased)), 303)


def words_for(plan: ErasurePlan) -> str:
    """What has to be typed: it names how much is erased."""
    visits = len(plan.erased)
    return f"erase {visits} {'visit' if visits == 1 else 'visits'}" if visits else "erase notes"


def _found(form: PatientForm, ticked: tuple[int, ...], *, problem: str = "") -> Response:
    if not form.validate():
        return page("admin/patients/find.html", status=422, form=form, found=None, is_done=False)
    found = find_patients(viewer().scope, form.name.data or "", form.contact.data or "", now=request_now())
    tick = request.form.get("tick", "")
    if tick.isdecimal() and int(tick) < len(found.patients):
        ticked += tuple(visit.id for visit in found.patients[int(tick)].visits)
    return page(
        "admin/patients/find.html",
        status=422 if problem else 200,
        form=form,
        found=found,
        ticked=frozenset(ticked),
        problem=problem,
        is_done=False,
    )


def _preview(ids: tuple[int, ...], *, notice: str = "") -> Response:
    plan = erasure_plan(viewer().scope, ids, now=request_now())
    return page(
        "admin/patients/erase.html",
        status=409 if notice else 200,
        plan=plan,
        promise=_promise(plan),
        notice=notice,
        carried=_carried(),
    )


def _question(plan: ErasurePlan, *, problem: str = "") -> Response:
    return page(
        "admin/patients/question.html",
        status=422 if problem else 200,
        plan=plan,
        promise=_promise(plan),
        words=words_for(plan),
        problem=problem,
        carried=_carried(),
    )


def _holds(plan: ErasurePlan, promised: str) -> bool:
    """Whether things still are as the page showed them."""
    return not plan.is_empty and plan.digest() == promised


def _promise(plan: ErasurePlan) -> str:
    ids = [visit.id for visit in plan.visits]
    return services().tokens.sign("erasure", [viewer().scope.user_id, ids, plan.digest()])


def _read_promise() -> tuple[tuple[int, ...], str]:
    """The visits and the plan that a page promised, if it was made for this user; nothing otherwise."""
    value = services().tokens.unsign("erasure", request.form.get("promise", ""))
    if not isinstance(value, list) or value[0] != viewer().scope.user_id:
        return (), ""
    _user, ids, digest = value
    return tuple(ids), digest


def _carried() -> list[tuple[str, str]]:
    """What was looked for and chosen, so that every page of these leads back to it."""
    names = ("name", "contact", "visit")
    return [(name, value) for name in names for value in request.form.getlist(name)]
