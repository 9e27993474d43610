{#- What a source declares in its YAML (meta.meshcast), with the defaults of what it leaves out.
    The graph is known only while dbt executes; while it parses, the defaults stand in. -#}
{% macro declared(source_name) %}
    {%- set found = {} -%}
    {%- if execute -%}
        {%- for node in graph.sources.values() if node.source_name == source_name -%}
            {%- do found.update(node.config.meta.get('meshcast') or node.source_meta.get('meshcast') or {}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set plausible = found.get('plausible') or {} -%}
    {%- set scope = found.get('forecast') or {} -%}
    {{ return({
        'country': found.get('country', 'US'),
        'time_zone': found.get('time_zone', 'UTC'),
        'currency': found.get('currency'),
        'starts_on': found.get('starts_on', '1900-01-01') | string,
        'measure': found.get('measure', 'units'),
        'unit': found.get('unit', 'each'),
        'corrections': found.get('corrections', 'none'),
        'open_days': found.get('open_days', 'sales'),
        'quantity_bounds': plausible.get('quantity', [-1000000, 1000000]),
        'unit_price_bounds': plausible.get('unit_price', [0, 1000000]),
        'horizon_days': scope.get('horizon_days', 28),
        'origin_weekday': scope.get('origin_weekday', 'monday'),
        'history_days': scope.get('history_days', 730),
        'min_weeks_sold_share': scope.get('min_weeks_sold_share', 0.9),
        'new_weeks': scope.get('new_weeks', 8),
        'excluded_products': scope.get('excluded_products') or [],
        'promotions_known_ahead_days': scope.get('promotions_known_ahead_days', 0),
    }) }}
{% endmacro %}

{#- Names of the deployed sources that bring an entity, in a fixed order. -#}
{% macro sources_with(entity) %}
    {%- set names = [] -%}
    {%- for name, entities in var('sources').items() | sort if entity in entities -%}
        {%- do names.append(name) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}

{% macro is_deployed(source_name, entity) %}
    {{ return(entity in var('sources').get(source_name, [])) }}
{% endmacro %}
