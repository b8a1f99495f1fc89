// Looks now and then whether a run has begun or ended, and says how long one is under way.
(function () {
  "use strict";
  var known = document.body.dataset.progress;
  var isGoing = known !== "|";

  function isBusy() {
    var field = document.activeElement;
    return Boolean(field && /^(INPUT|SELECT|TEXTAREA)$/.test(field.tagName));
  }

  function show(found) {
    if (found.key !== known && !isBusy()) {
      window.location.reload();
      return;
    }
    document.querySelectorAll("[data-cluster]").forEach(function (place) {
      var sentence = found.sentences[place.dataset.cluster];
      if (sentence) {
        place.textContent = sentence;
      }
    });
    later();
  }

  function look() {
    if (document.hidden) {
      later();
      return;
    }
    fetch("/progress", { headers: { Accept: "application/json" }, redirect: "error" })
      .then(function (answer) {
        if (!answer.ok) {
          throw new Error("refused");
        }
        return answer.json();
      })
      .then(show)
      // The agent may be starting again; whoever is not signed in any more sees that with the next click.
      .catch(function () { window.setTimeout(look, 30000); });
  }

  function later() {
    window.setTimeout(look, isGoing ? 2000 : 15000);
  }

  later();
})();
