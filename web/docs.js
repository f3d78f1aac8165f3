// The routes, shown and tried. The key stays in this tab: it is asked for once, and goes only where the page came from.
"use strict";

const STORED = "alphaloop-api-key";
const said = document.getElementById("said");
const input = document.getElementById("key");

async function description(key) {
    const answer = await fetch("/openapi.json", { headers: { "X-API-Key": key } });
    if (answer.status === 401)
        throw new Error("this key is wrong");
    if (!answer.ok)
        throw new Error(`the service answers ${answer.status}`);
    return answer.json();
}

async function show(key) {
    try {
        const spec = await description(key);
        const viewer = SwaggerUIBundle({
            spec,
            dom_id: "#routes",
            deepLinking: true,
            docExpansion: "list",
            displayRequestDuration: true,
            filter: true,
            tryItOutEnabled: true,
            validatorUrl: null,
            onComplete: () => viewer.preauthorizeApiKey("key", key),
        });
        sessionStorage.setItem(STORED, key);
        input.value = "";
        said.value = "";
    } catch (problem) {
        sessionStorage.removeItem(STORED);
        said.value = problem.message;
    }
}

document.getElementById("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    show(input.value);
});

const darkness = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", darkness.matches);
darkness.addEventListener("change", follow);
follow();

const stored = sessionStorage.getItem(STORED);
if (stored)
    show(stored);
