// Runs before everything else and in any browser: says so where the map cannot work. DecompressionStream inflates the data; findLast stands for the
// language that the other parts are written in.
(function () {
  "use strict";
  if (window.DecompressionStream && [].findLast) return;
  document.querySelector(".waiting .loading").hidden = true;
  document.querySelector(".waiting .old-browser").hidden = false;
})();
