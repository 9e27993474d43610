{{ config(materialized='view') }}

with
{% for name in sources_with('sales_events') %}
{{ name }} as (

    {{ typed_lines(name, ref('stores_declared')) }}

),
{% endfor %}
lines as (

    {% for name in sources_with('sales_events') -%}
    select * from {{ name }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from lines
