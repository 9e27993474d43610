{#- The columns of a sales line that passed the checks, as the event tables carry them. -#}
{% macro event_columns(relation=none) -%}
    {%- for column in [
        'file_id', 'row_number', 'known_on', 'source', 'event_id', 'restated_day', 'store_id',
        'product_id', 'customer_key', 'currency', 'corrections', 'quantity', 'unit_price',
        'net_amount', 'is_demand', 'sold_at', 'sold_on'
    ] -%}
        {{- relation ~ '.' if relation }}{{ column }}{{ ',\n        ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- A digest of what a sales line says, the same for the same content. -#}
{% macro line_digest() -%}
    md5(concat_ws(
            '|',
            {%- for column in [
                'sold_at', 'store_id', 'product_id', 'customer_key', 'quantity', 'unit_price',
                'net_amount', 'currency', 'is_demand'
            ] %}
            coalesce(cast({{ column }} as varchar), '-'){{ ',' if not loop.last }}
            {%- endfor %}
        ))
{%- endmacro %}
