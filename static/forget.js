// htmx notes the page's address in the tab's storage, for a cache of pages that is switched off here. Some addresses are
// links that open something, and the note would outlive a logout: nothing of it stays.
const forget = () => sessionStorage.removeItem("htmx-current-path-for-history");
forget();
for (const noted of ["htmx:pushedIntoHistory", "htmx:replacedInHistory", "htmx:historyRestore"]) {
  document.addEventListener(noted, forget);
}
