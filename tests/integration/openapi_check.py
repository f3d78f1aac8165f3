"""Holds an OpenAPI 3.1 document against the rules we rely on, and answers against the document. No library: the few
keywords we write are few, and an unknown one is an error here."""
import re

METHODS = {"get", "post", "put", "patch", "delete"}
SCHEMA_KEYS = {"type", "format", "description", "properties", "required", "items", "additionalProperties", "anyOf", "$ref",
               "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PYTHON = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
          "null": type(None)}


class Mismatch(AssertionError):
    pass


def need(condition, where, what):
    if not condition:
        raise Mismatch(f"{where}: {what}")


class Document:
    def __init__(self, document):
        self.document = document
        self.schemas = document["components"]["schemas"]

    # ---- the document itself ----

    def check(self):
        need(re.fullmatch(r"3\.1\.\d+", self.document["openapi"]), "openapi", "is not 3.1")
        need(self.document["info"]["title"] and self.document["info"]["version"], "info", "is not complete")
        for name, schema in self.schemas.items():
            self.check_schema(schema, name)
        ids = [op["operationId"] for _, _, op in self.operations()]
        need(len(ids) == len(set(ids)), "operationId", "is not unique")
        for method, path, operation in self.operations():
            self.check_operation(operation, path, f"{method} {path}")

    def operations(self):
        for path, item in self.document["paths"].items():
            need(path.startswith("/") and set(item) <= METHODS and item, path, "is not a path of methods")
            for method, operation in item.items():
                yield method.upper(), path, operation

    def check_schema(self, schema, where):
        need(set(schema) <= SCHEMA_KEYS, where, f"has unknown keywords {set(schema) - SCHEMA_KEYS}")
        if "$ref" in schema:
            need(schema["$ref"].removeprefix("#/components/schemas/") in self.schemas, where, f"{schema['$ref']} is nowhere")
        need("type" not in schema or schema["type"] in PYTHON, where, "has no known type")
        need(schema.get("type") != "array" or "items" in schema or where.startswith("body"), where, "is an array of nothing")
        if "pattern" in schema:
            re.compile(schema["pattern"])
        for name, part in schema.get("properties", {}).items():
            self.check_schema(part, f"{where}.{name}")
        need(set(schema.get("required", [])) <= set(schema.get("properties", {})), where, "requires what it does not have")
        for part in [schema[key] for key in ("items", "additionalProperties") if key in schema] + schema.get("anyOf", []):
            self.check_schema(part, where + "[]")

    def check_operation(self, operation, path, where):
        need(operation["summary"] and operation["tags"], where, "says nothing")
        params = operation.get("parameters", [])
        need(sorted(p["name"] for p in params if p["in"] == "path") == sorted(re.findall(r"{(\w+)}", path)), where,
             "does not declare the parameters of its path")
        for param in params:
            place = f"{where} {param['name']}"
            need(param["in"] in ("path", "query") and param["description"], place, "is not complete")
            need(param["in"] != "path" or param["required"], place, "is in the path and not required")
            self.check_schema(param["schema"], place)
            self.check_value(param["example"], param["schema"], place + " example")
            if "default" in param["schema"]:
                self.check_value(param["schema"]["default"], param["schema"], place + " default")
        if "requestBody" in operation:
            content = operation["requestBody"]["content"]["application/json"]
            self.check_schema(content["schema"], f"body of {where}")
            self.check_value(content["example"], content["schema"], f"example body of {where}")
        need("200" in operation["responses"], where, "has no answer")
        for code, answer in operation["responses"].items():
            need(re.fullmatch(r"[2-5]\d\d", code) and answer["description"], where, f"{code} is not complete")
            for kind, content in answer["content"].items():
                self.check_schema(content["schema"], f"{where} {code}")
                if kind == "application/json":
                    self.check_value(content["example"], content["schema"], f"{where} {code} example")

    # ---- a value against a schema ----

    def check_value(self, value, schema, where):
        if "$ref" in schema:
            self.check_value(value, self.schemas[schema["$ref"].rsplit("/", 1)[1]], where)
        elif "anyOf" in schema:
            self.check_any(value, schema["anyOf"], where)
        elif "type" in schema:
            self.check_typed(value, schema, where)

    def check_any(self, value, schemas, where):
        problems = []
        for schema in schemas:
            try:
                self.check_value(value, schema, where)
                return
            except Mismatch as problem:
                problems.append(str(problem))
        raise Mismatch("; ".join(problems))

    def check_typed(self, value, schema, where):
        kind = schema["type"]
        need(isinstance(value, PYTHON[kind]) and not (isinstance(value, bool) and kind != "boolean"), where,
             f"{value!r} is not {kind}")
        if kind == "string":
            need(schema.get("format") != "date-time" or TIME.fullmatch(value), where, f"{value!r} is not a time with Z")
            need(schema.get("format") != "uuid" or UUID.fullmatch(value), where, f"{value!r} is not a UUID")
            need("pattern" not in schema or re.search(schema["pattern"], value), where, f"{value!r} is not {schema.get('pattern')}")
            need("enum" not in schema or value in schema["enum"], where, f"{value!r} is none of {schema.get('enum')}")
        if kind in ("integer", "number"):
            need(schema.get("minimum", value) <= value <= schema.get("maximum", value), where, f"{value!r} is out of range")
        if kind == "array":
            for index, item in enumerate(value):
                self.check_value(item, schema.get("items", {}), f"{where}[{index}]")
        if kind == "object":
            self.check_object(value, schema, where)

    def check_object(self, value, schema, where):
        for name in schema.get("required", []):
            need(name in value, where, f"has no {name}")
        known = schema.get("properties")
        for name, part in value.items():
            need(known is None or name in known or "additionalProperties" in schema, where, f"has {name}, which is not described")
            if known is not None and name in known:
                self.check_value(part, known[name], f"{where}.{name}")
            elif "additionalProperties" in schema:
                self.check_value(part, schema["additionalProperties"], f"{where}.{name}")

    def check_answer(self, method, path, code, body):
        """An answer's JSON against what its route promises; `path` as in the document."""
        responses = self.document["paths"][path][method.lower()]["responses"]
        need(str(code) in responses, f"{method} {path}", f"{code} is not described")
        self.check_value(body, responses[str(code)]["content"]["application/json"]["schema"], f"{method} {path} {code}")
