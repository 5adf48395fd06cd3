// Keeps the demo token for the pages of this origin, and copies it.
"use strict";
const field = document.getElementById("token");
const copy = document.getElementById("copy");
const kept = document.getElementById("kept");
try {
  localStorage.setItem("kudos_token", field.value);
  localStorage.setItem("kudos_person", field.dataset.person);
  kept.textContent = "Kept in this browser as kudos_token.";
} catch {
  kept.textContent = "This browser keeps nothing for this page: copy the token.";
}
copy.hidden = false;
copy.addEventListener("click", async () => {
  field.select();
  await navigator.clipboard.writeText(field.value);
  copy.textContent = "Copied";
});
