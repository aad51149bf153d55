// Schemas of the API's document in words: types, bounds, members.

const HEAD = "#/components/schemas/";

export class Schemas {
  constructor(document) {
    this.components = document.components.schemas;
  }

  // What a schema refers to, and its name if it has one.
  resolved(schema) {
    if (!schema?.$ref) return { name: "", schema: schema ?? {} };
    const name = schema.$ref.slice(HEAD.length);
    return { name, schema: { ...this.components[name], ...(schema.description ? { description: schema.description } : {}) } };
  }

  // Its alternatives, without null and without the parts that `fields=` makes.
  options(schema) {
    const { schema: found } = this.resolved(schema);
    const options = found.anyOf ?? (found.allOf ? [found.allOf[0]] : [schema]);
    return options.filter((each) => each.type !== "null" && !each.$ref?.endsWith("Part"));
  }

  // "string", "integer 0 to 65535", "list of Rule", "allow or deny"
  words(schema) {
    if (schema === undefined || schema === true || !Object.keys(schema).length) return "anything";
    const { name, schema: found } = this.resolved(schema);
    if (name) return found.type === "object" || found.properties ? name : this.words(found);
    if (found.anyOf || found.allOf) {
      const words = this.options(found).map((each) => this.words(each));
      const orNull = found.anyOf?.some((each) => each.type === "null") ? ["null"] : [];
      return [...new Set([...words, ...orNull])].join(" or ");
    }
    if (found.enum) return found.enum.map((each) => JSON.stringify(each)).join(", ");
    if (found.const !== undefined) return JSON.stringify(found.const);
    if (found.type === "array") return `list of ${this.words(found.items)}`;
    if (found.type === "object" && typeof found.additionalProperties === "object") {
      return `object of ${this.words(found.additionalProperties)}`;
    }
    return [found.format ?? found.type ?? "anything", range(found)].filter(Boolean).join(" ");
  }

  // The members of an object, or of what a list is of: [name, schema, is needed]
  members(schema) {
    const whole = this.options(schema).map((each) => this.resolved(each).schema).find((each) => each.properties || each.items);
    if (!whole) return [];
    if (whole.items) return this.members(whole.items);
    const needed = new Set(whole.required ?? []);
    return Object.entries(whole.properties ?? {}).map(([name, each]) => [name, each, needed.has(name)]);
  }

  // A value to begin with: what is needed, as its example or default has it.
  example(schema, depth = 0) {
    const { schema: found } = this.resolved(this.options(schema)[0] ?? {});
    if (found.examples?.length) return found.examples[0];
    if (found.default !== undefined) return found.default;
    if (found.enum) return found.enum[0];
    if (found.const !== undefined) return found.const;
    if (found.type === "array") return depth < 3 && found.items ? [this.example(found.items, depth + 1)] : [];
    if (found.properties) {
      const needed = this.members(found).filter(([, , isNeeded]) => isNeeded);
      return Object.fromEntries(needed.map(([name, each]) => [name, this.example(each, depth + 1)]));
    }
    return { integer: found.minimum ?? 1, boolean: true, object: {} }[found.type] ?? "...";
  }
}

function range(schema) {
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  return minimum !== undefined ? `from ${minimum}` : maximum !== undefined ? `to ${maximum}` : "";
}
