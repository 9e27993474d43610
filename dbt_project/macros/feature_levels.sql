{#- The levels that ratios to the usual are taken at. A level is a product, or all of them, in a
    place: a store, a region of a source, or a source. -#}
{% macro feature_levels() %}
    {{ return([
        {'name': 'series', 'place': 'store', 'by_product': true},
        {'name': 'product_region', 'place': 'region', 'by_product': true},
        {'name': 'store', 'place': 'store', 'by_product': false},
        {'name': 'product', 'place': 'source', 'by_product': true},
        {'name': 'source', 'place': 'source', 'by_product': false},
    ]) }}
{% endmacro %}


{#- Days after which the units of a day count as settled: what gets known later changes no ratio. -#}
{% macro feature_settling_days() %}{{ return(28) }}{% endmacro %}


{#- Days before and after a day whose same weekdays say what was usual for it. -#}
{% macro feature_usual_days() %}{{ return(28) }}{% endmacro %}


{#- Days from a day until its ratio to the usual is known. -#}
{% macro feature_ratio_known_days() %}
    {{ return(feature_settling_days() + feature_usual_days()) }}
{% endmacro %}
