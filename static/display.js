// The link of a display holds its code behind the #, which browsers send to nobody. Take it out of the address bar,
// put it into the form, and send that: on a screen nobody may be there to press the button.
const code = location.hash.slice(1);
if (code) {
  const form = document.getElementById("display");
  history.replaceState(null, "", location.pathname);
  form.elements.code.value = code;
  form.requestSubmit();
}
