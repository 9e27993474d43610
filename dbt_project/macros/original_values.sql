{#- The values of a sales line as a JSON object of texts, as its staging model or a later table has
    them; the customer is hashed in all of them. -#}
{% macro original_values(line, customer='customer_id', unparsed_line=true) %}
    {%- set columns = [
        'event_id', 'sold_at', 'store_id', 'product_id', 'quantity', 'unit_price', 'net_amount',
        'currency', 'is_demand'
    ] -%}
    {{- return(adapter.dispatch('original_values')(line, columns, customer, unparsed_line)) -}}
{% endmacro %}

{% macro duckdb__original_values(line, columns, customer, unparsed_line) -%}
    cast(json_object(
            {%- for column in columns %}
            '{{ column }}', cast({{ line }}.{{ column }} as varchar),
            {%- endfor %}
            'customer_key', cast({{ line }}.{{ customer }} as varchar)
            {%- if unparsed_line %},
            'unparsed_line', {{ line }}.unparsed_line
            {%- endif %}
        ) as varchar)
{%- endmacro %}
