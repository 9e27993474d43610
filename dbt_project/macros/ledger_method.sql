{#- The column `method` of a row of the ledger. Rows from before the ledger named it fell back to the
    seasonal naive forecast, if they did. -#}
{% macro ledger_method() -%}
coalesce(
            ledger.method, case when ledger.is_fallback then 'seasonal_naive' else 'model' end
        ) as method
{%- endmacro %}
