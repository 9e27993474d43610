{#- Drop the incremental models of some layers, columns and all, when no row of them would stay: other
    code may have made their columns. A build of a part, without the `last` of them, would not make
    all of them again and drops nothing. features_built stays: it says what is not built. -#}
{% macro drop_incremental_models(layers, last, what) %}
    {%- set dropped = [] -%}
    {%- if 'model.' ~ project_name ~ '.' ~ last in selected_resources -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model'
            and node.config.materialized == 'incremental'
            and node.fqn[1] in layers
            and node.name != 'features_built' -%}
            {%- set relation = adapter.get_relation(this.database, this.schema, node.name) -%}
            {%- if relation is not none -%}
                {%- do adapter.drop_relation(relation) -%}
                {%- do dropped.append(node.name) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if dropped -%}
        {%- do log(what ~ ' made again from nothing: ' ~ dropped | sort | join(', '), info=true) -%}
    {%- endif -%}
{% endmacro %}
