{#- The first cutoff of the backtest grid: the cutoff weekday in the week from Sunday 2017-01-01,
    for a column that names the origin's weekday. It is fixed, so that every retraining backtests
    on the same grid of cutoffs and its scores can be compared with those of the last one. -#}
{% macro feature_grid_epoch(origin_weekday) -%}
    date '2017-01-01' + case {{ origin_weekday }}
        {% for weekday in ['tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] -%}
        when '{{ weekday }}' then {{ loop.index }}
        {% endfor -%}
        else 0
    end
{%- endmacro %}


{#- Condition that a source declares the product to count no units. -#}
{% macro feature_is_excluded(source, product_id) -%}
    (
        false
        {%- for name in var('sources') | sort %}
        {%- set excluded = declared(name).excluded_products %}
        {%- if excluded %}
        or (
            {{ source }} = '{{ name }}'
            and {{ product_id }} in (
                {%- for product in excluded %}
                '{{ product | string | replace("'", "''") }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
        )
        {%- endif %}
        {%- endfor %}
    )
{%- endmacro %}


{#- Rows of a model that were valid at a cutoff: sold or planned until then is up to the caller,
    this says which state of the knowledge it was. -#}
{% macro feature_was_known(relation, cutoff_on='cutoff_on') -%}
    {{ relation }}.known_from <= {{ cutoff_on }} and {{ relation }}.known_until > {{ cutoff_on }}
{%- endmacro %}


{#- The longest horizon that a deployed source declares, in days. -#}
{% macro feature_horizon_days() %}
    {%- set horizons = [] -%}
    {%- for name in var('sources') -%}
        {%- do horizons.append(declared(name).horizon_days) -%}
    {%- endfor -%}
    {{ return(horizons | max) }}
{% endmacro %}
